// Staking with the stock JavaScript client: a nominator backs the validator, and an era pays both to the last unit out of what
// emission released, without minting anything.
//
//   LANTERN_URL  WebSocket of a development chain with the fast runtime, default ws://127.0.0.1:9944

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Keyring } from '@polkadot/api';
import { cryptoWaitReady } from '@polkadot/util-crypto';
import { LUX, connect, find, follow, submit } from './chain.js';

const url = process.env.LANTERN_URL ?? 'ws://127.0.0.1:9944';
/** An era of the fast runtime is two epochs of 20 slots of two seconds. */
const ERA_SECONDS = 80;

const BILLION = 1_000_000_000n;
/** Parts as the runtime takes them: floor of the ratio in parts of a billion, nearest unit of the product, halves down. */
const part = (of, whole) => (of * BILLION) / whole;
const times = (parts, amount) => (parts * amount + BILLION / 2n - 1n) / BILLION;

let api;
let provider;
let alice;
let eve;

/** Resolves with the block in which `section.method` appears for which `wanted(data)` holds. */
function event(block, seconds, section, method, wanted) {
  return follow(api, block, seconds, `${section}.${method}`, (events, hash) =>
    events.some((event) => event.section === section && event.method === method && wanted(event.data)) ? hash : undefined,
  );
}

describe(`staking at ${url}`, () => {
  before(async () => {
    await cryptoWaitReady();
    const keyring = new Keyring({ type: 'sr25519' });
    [alice, eve] = ['//Alice', '//Eve'].map((seed) => keyring.addFromUri(seed));
    ({ api, provider } = await connect(url));
  });
  after(() => provider?.disconnect());

  test('an era pays validator and nominator to the unit, and issuance stays', { timeout: 8 * ERA_SECONDS * 1000 }, async () => {
    await submit(api, eve, api.tx.staking.bond(60_000n * LUX, 'Stash'));
    const { block } = await submit(api, eve, api.tx.staking.nominate([alice.address]));
    // The era planned next counts the nomination; it is paid when it is over.
    const planned = (await (await api.at(block)).query.staking.currentEra()).unwrap().toNumber() + 1;
    const paid = await event(block, 5 * ERA_SECONDS, 'staking', 'EraPaid', (data) => data.eraIndex.toNumber() === planned);
    const at = await api.at(paid);
    const reward = (await at.query.staking.erasValidatorReward(planned)).unwrap().toBigInt();
    assert.ok(reward > 0n, 'emission released something for validators');
    const overview = (await at.query.staking.erasStakersOverview(planned, alice.address)).unwrap();
    const [own, total] = [overview.own.toBigInt(), overview.total.toBigInt()];
    assert.equal(total - own, 60_000n * LUX);

    const { events, block: payout } = await submit(api, alice, api.tx.staking.payoutStakersByPage(alice.address, planned, 0));
    const rewarded = (account) =>
      events
        .find(({ section, method, data }) => section === 'staking' && method === 'Rewarded' && data.stash.eq(account.address))
        .data.amount.toBigInt();
    // The only validator has all points.
    assert.equal(rewarded(alice), times(part(own, total), reward));
    assert.equal(rewarded(eve), times(part(total - own, total), reward));

    // The transaction's fee is burned, emission may mint; nothing else changes issuance.
    const header = await api.rpc.chain.getHeader(payout);
    const [before, after] = await Promise.all(
      [header.parentHash, payout].map(async (hash) => (await (await api.at(hash)).query.balances.totalIssuance()).toBigInt()),
    );
    const all = (await (await api.at(payout)).query.system.events()).map(({ event }) => event);
    const fees = all
      .filter(({ section, method }) => section === 'transactionPayment' && method === 'TransactionFeePaid')
      .reduce((sum, { data }) => sum + data.actualFee.toBigInt() + data.tip.toBigInt(), 0n);
    const minted = all
      .filter(({ section, method }) => section === 'rewardEmission' && method === 'PotsFunded')
      .reduce((sum, { data }) => sum + data.validators.toBigInt() + data.treasury.toBigInt(), 0n);
    assert.equal(after - before, minted - fees);
    find(events, 'staking', 'PayoutStarted');
  });
});
