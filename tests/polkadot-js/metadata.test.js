// The stock JavaScript client against a Lantern node, by the chain's metadata alone: no custom types, no custom RPC
// definitions, no custom signed extensions.
//
//   LANTERN_URL       WebSocket of a development chain, default ws://127.0.0.1:9944
//   LANTERN_PROVIDER  set when a provider serves a generation model there: the job must then be committed and settled
//   LANTERN_TIMEOUT   seconds to wait for the settlement, default 120

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Keyring } from '@polkadot/api';
import { u8aConcat, bnToU8a } from '@polkadot/util';
import { blake2AsHex, cryptoWaitReady, randomAsHex } from '@polkadot/util-crypto';
import { LUX, connect, find, follow, submit } from './chain.js';

const url = process.env.LANTERN_URL ?? 'ws://127.0.0.1:9944';
const served = Boolean(process.env.LANTERN_PROVIDER);
const timeout = Number(process.env.LANTERN_TIMEOUT ?? 120) * 1000;
const PALLETS = ['ProviderStaking', 'ModelRegistry', 'JobEscrow', 'ResultVerification', 'RewardEmission'];

let provider;
let api;
let alice;

/** Token ids as the chain takes them: u32 little endian. */
function encodeTokens(tokens) {
  return u8aConcat(...tokens.map((token) => bnToU8a(token, { bitLength: 32, isLe: true })));
}

/** A generation model to buy from: one with a price when a provider serves, otherwise one registered here. */
async function findModel() {
  if (served) {
    for (const [{ args: [, model] }] of await api.query.modelRegistry.prices.entries()) {
      const record = (await api.query.modelRegistry.models(model)).unwrap();
      if (record.spec.family.isLlama && record.active.isTrue) return model;
    }
    assert.fail('no provider posts a price for an active generation model');
  }
  const spec = {
    family: { Llama: { tiedEmbeddings: true, qkvBias: false, qkNorm: false, ropeBase: 10_000, ropeScaling: 'None' } },
    arithmetic: 1,
    activation: 'Wide',
    keys: 'Wide',
    hidden: 64,
    intermediate: 128,
    layers: 2,
    heads: 4,
    kvHeads: 2,
    headDim: 16,
    vocab: 512,
    maxContext: 128,
    normEps: 184_467_440_737_095n,
    tokenizerHash: randomAsHex(32),
  };
  const { events } = await submit(api, alice, api.tx.modelRegistry.register('polkadot-js', spec, randomAsHex(32), 0, []));
  return find(events, 'modelRegistry', 'Registered').model;
}

/** Resolves with the data of the `method` event of `job` in jobEscrow, looking at every block from `block` on. */
function awaitEvent(job, block, method) {
  return follow(api, block, timeout / 1000, `${method} for job ${job}`, (events) => {
    for (const event of events) {
      if (event.section !== 'jobEscrow' || event.data.job?.toString() !== job) continue;
      if (event.method === method) return event.data;
      if (event.method === 'JobExpired') throw new Error(`job ${job} expired`);
    }
  });
}

describe(`@polkadot/api at ${url}`, () => {
  before(async () => {
    await cryptoWaitReady();
    alice = new Keyring({ type: 'sr25519' }).addFromUri('//Alice');
    ({ api, provider } = await connect(url));
  });

  after(() => provider?.disconnect());

  test('connects and knows the pallets from metadata alone', () => {
    const names = api.runtimeMetadata.asLatest.pallets.map(({ name }) => name.toString());
    for (const pallet of PALLETS) assert.ok(names.includes(pallet), `${pallet} among ${names}`);
    assert.equal(typeof api.tx.jobEscrow.submitJob, 'function');
    assert.equal(typeof api.query.providerStaking.providers, 'function');
    assert.equal(api.registry.chainDecimals[0], 12);
  });

  test('reads through the runtime API that the metadata describes', async () => {
    const stats = await api.call.depinApi.networkStats();
    assert.ok(stats.totalIssuance.toBigInt() > 0n);
    assert.equal((await api.call.depinApi.job(2n ** 60n)).isNone, true);
  });

  test('names the error of a job that the chain refuses', async () => {
    const input = encodeTokens([1]);
    const refused = api.tx.jobEscrow.submitJob(
      randomAsHex(32), `0x${Buffer.from(input).toString('hex')}`, blake2AsHex(input, 256), 'Embed', LUX, null,
    );
    await assert.rejects(submit(api, alice, refused), /jobEscrow\.UnknownModel: /);
  });

  test('submits a job and follows it to its end', { timeout: timeout + 60_000 }, async () => {
    const model = await findModel();
    const input = encodeTokens([1, 2, 3, 4]);
    const params = { Generate: { maxNewTokens: 8, sampling: 'Greedy', stop: [] } };
    const escrow = LUX;
    const { events, block } = await submit(
      api,
      alice,
      api.tx.jobEscrow.submitJob(
        model, `0x${Buffer.from(input).toString('hex')}`, blake2AsHex(input, 256), params, escrow, null,
      ),
    );
    const submitted = find(events, 'jobEscrow', 'JobSubmitted');
    assert.equal(submitted.requester.toString(), alice.address);
    assert.equal(submitted.maxFee.toBigInt(), escrow);
    const job = submitted.job.toString();

    const record = (await (await api.at(block)).query.jobEscrow.jobs(job)).unwrap();
    assert.ok(record.state.isOpen);
    assert.equal(record.params.asGenerate.maxNewTokens.toNumber(), 8);

    if (!served) {
      const cancelled = await submit(api, alice, api.tx.jobEscrow.cancelJob(job));
      assert.equal(find(cancelled.events, 'jobEscrow', 'JobCancelled').refund.toBigInt(), escrow);
      return;
    }
    const { split, refund } = await awaitEvent(job, block, 'JobSettled');
    const parts = [split.provider, split.royalty, split.auditPool, split.burned, split.treasury];
    const fee = split.fee.toBigInt();
    assert.ok(fee > 0n);
    assert.equal(parts.reduce((sum, part) => sum + part.toBigInt(), 0n), fee);
    assert.equal(fee + refund.toBigInt(), escrow);
    const settled = (await api.query.jobEscrow.jobs(job)).unwrap().state;
    assert.ok(settled.isSettled);
    assert.equal(settled.asSettled.commitment.usage.promptTokens.toNumber(), 4);
  });
});
