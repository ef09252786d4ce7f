// Governance with the stock JavaScript client, as docs/governance.md walks through it: token holders change a parameter of the
// compute market by referendum, nobody's key can do it alone, and no vote goes beyond its bounds.
//
//   LANTERN_URL  WebSocket of a development chain with the fast runtime, default ws://127.0.0.1:9944

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Keyring } from '@polkadot/api';
import { cryptoWaitReady } from '@polkadot/util-crypto';
import { LUX, connect, explain, find, follow, submit } from './chain.js';

const url = process.env.LANTERN_URL ?? 'ws://127.0.0.1:9944';
/** Longest wait for a referendum: prepare, confirm and enact take about eight blocks, support falls to what there is within twenty. */
const REFERENDUM_SECONDS = 150;

let api;
let provider;
let holders;

/** The call that sets the protocol's part of fees, in millionths. */
const setFee = (part) => api.tx.parameters.setParameter({ Escrow: { ProtocolFee: [null, part] } });

async function feeOnChain() {
  const value = await api.query.parameters.parameters({ Escrow: { ProtocolFee: null } });
  return value.isNone ? undefined : value.unwrap().asEscrow.asProtocolFee.toNumber();
}

/** Puts `call` to a referendum on the track of `origin`, with the votes of all holders; resolves with what its enactment gave:
 * undefined, or the error. */
async function decide(origin, call) {
  const [proposer] = holders;
  const preimage = call.method.toHex();
  await submit(api, proposer, api.tx.preimage.notePreimage(preimage));
  const { events } = await submit(
    api,
    proposer,
    api.tx.referenda.submit(
      { Origins: origin },
      { Lookup: { hash: call.method.hash, len: call.method.encodedLength } },
      { After: 1 },
    ),
  );
  const { index } = find(events, 'referenda', 'Submitted');
  await submit(api, proposer, api.tx.referenda.placeDecisionDeposit(index));
  const vote = { Standard: { vote: { aye: true, conviction: 'Locked1x' }, balance: 800_000n * LUX } };
  const votes = await Promise.all(
    holders.map((holder) => submit(api, holder, api.tx.convictionVoting.vote(index, vote))),
  );
  return follow(api, votes[0].block, REFERENDUM_SECONDS, `end of referendum ${index}`, (events) => {
    const ended = events.find(
      ({ section, method, data }) =>
        section === 'referenda' && ['Rejected', 'TimedOut', 'Killed'].includes(method) && data.index.eq(index),
    );
    if (ended) throw new Error(`referendum ${index}: ${ended.method}`);
    // Enactments have a name; the alarms of running referenda have none.
    const enacted = events.find(
      ({ section, method, data }) => section === 'scheduler' && method === 'Dispatched' && data.id.isSome,
    );
    return enacted && { error: enacted.data.result.isErr ? explain(api, enacted.data.result.asErr) : undefined };
  });
}

describe(`governance at ${url}`, () => {
  before(async () => {
    await cryptoWaitReady();
    const keyring = new Keyring({ type: 'sr25519' });
    holders = ['//Eve', '//Ferdie', '//Dave'].map((seed) => keyring.addFromUri(seed));
    ({ api, provider } = await connect(url));
  });
  after(() => provider?.disconnect());

  test('no holder sets a parameter alone', async () => {
    await assert.rejects(submit(api, holders[0], setFee(120_000)), /BadOrigin/);
  });

  test('a referendum changes the protocol fee', { timeout: 240_000 }, async () => {
    const before = await feeOnChain();
    assert.notEqual(before, 120_000);
    const { error } = await decide('ComputeParameters', setFee(120_000));
    assert.equal(error, undefined);
    assert.equal(await feeOnChain(), 120_000);
  });

  test('a referendum cannot set it beyond its bounds, nor do what its track does not give', { timeout: 480_000 }, async () => {
    const beyond = await decide('ComputeParameters', setFee(310_000));
    assert.match(beyond.error, /CallFiltered/);
    const foreign = await decide('RegistryModerator', setFee(130_000));
    assert.match(foreign.error, /BadOrigin/);
    assert.equal(await feeOnChain(), 120_000);
  });
});
