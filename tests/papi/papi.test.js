// polkadot-api (PAPI) against a Lantern node, by the chain's metadata alone: no descriptors made beforehand, no custom types. Underneath
// it follows the chain by `chainHead_v1` and sends by `transaction_v1`.
//
//   LANTERN_URL       WebSocket of a development chain, default ws://127.0.0.1:9944
//   LANTERN_PROVIDER  set when a provider serves a generation model there: the job must then be committed and settled
//   LANTERN_TIMEOUT   seconds to wait for anything, default 120

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { blake2b256 } from '@polkadot-labs/hdkd-helpers';
import { Enum } from 'polkadot-api';
import { mergeMap, take, toArray } from 'rxjs';
import { LUX, PATIENCE, SERVED, URL, account, connect, findModel, first } from './chain.js';

const { signer, address: alice } = account('//Alice');
const hex = (bytes) => `0x${Buffer.from(bytes).toString('hex')}`;

/** Token ids as the chain takes them: u32 little endian. */
function encodeTokens(tokens) {
  return new Uint8Array(new Uint32Array(tokens).buffer);
}

let client;
let api;

/** Arguments of `submit_job`. */
function job(model, tokens, params) {
  const input = encodeTokens(tokens);
  return { model, input_hash: hex(blake2b256(input)), input, params, max_fee: LUX, provider: undefined };
}

describe(`polkadot-api at ${URL}`, { timeout: PATIENCE * 4000 }, () => {
  before(() => {
    client = connect();
    api = client.getUnsafeApi();
  });
  after(() => client.destroy());

  test('reads the chain specification and constants', async () => {
    const { name, genesisHash, properties } = await client.getChainSpecData();
    assert.equal(name, 'Lantern Development');
    assert.match(genesisHash, /^0x[0-9a-f]{64}$/);
    assert.deepEqual(properties, { ss58Format: 42, tokenDecimals: 12, tokenSymbol: 'LUX' });
    assert.ok((await api.constants.RewardEmission.MaxElapsed()) > 0n);
    assert.equal((await api.constants.System.Version()).spec_name, 'lantern');
  });

  test('reads storage, runtime APIs and view functions, which agree', async () => {
    const { hash: at } = await client.getFinalizedBlock();
    const jobs = await api.query.JobEscrow.Jobs.getEntries({ at });
    const submitted = await api.query.JobEscrow.NextJobId.getValue({ at });
    const stats = await api.apis.DepinApi.network_stats({ at });
    assert.equal(stats.jobs_submitted, submitted);
    assert.equal(await api.apis.DepinApi.next_job_id({ at }), submitted);
    assert.equal(stats.total_issuance, await api.query.Balances.TotalIssuance.getValue({ at }));
    assert.equal(stats.issued, await api.view.RewardEmission.issued({ at }));
    assert.equal(stats.models, await api.query.ModelRegistry.CounterForModels.getValue({ at }));
    for (const { keyArgs: [id], value } of jobs) {
      assert.deepEqual(await api.apis.DepinApi.job(id, { at }), { id, job: value });
    }
    assert.equal(await api.apis.DepinApi.job(2n ** 60n, { at }), undefined);
    const quote = await api.apis.DepinApi.quote(`0x${'00'.repeat(32)}`, 1, Enum('Embed'), undefined, { at });
    assert.equal(quote.success, false);
  });

  test('follows best and finalised blocks, each with its header and body', async () => {
    const three = await first(
      client.finalizedBlock$.pipe(
        take(3),
        mergeMap(async ({ hash, number, parent }) => {
          const [header, body] = await Promise.all([client.getBlockHeader(hash), client.getBlockBody(hash)]);
          assert.equal(header.number, number);
          assert.equal(header.parentHash, parent);
          assert.ok(body.length > 0, 'a block has at least its timestamp');
          return { hash, number, parent };
        }),
        toArray(),
      ),
    );
    const [one, two, last] = three.sort((a, b) => a.number - b.number);
    assert.deepEqual([two.number, last.number], [one.number + 1, one.number + 2]);
    assert.deepEqual([two.parent, last.parent], [one.hash, two.hash]);
    const [best, ...older] = await first(client.bestBlocks$);
    assert.ok(best.number > older.at(-1).number, 'the best block is ahead of the finalised one');
  });

  test('signs a transfer, pays the fee that it estimated, and sees it finalised', async () => {
    // A fresh account, so that nobody else moves its balance.
    const { address: dest } = account(`//papi//${Date.now()}`);
    const transfer = api.tx.Balances.transfer_keep_alive({ dest: Enum('Id', dest), value: LUX });
    const fee = await transfer.getEstimatedFees(alice);
    const signed = await transfer.sign(signer);
    const done = await client.submit(signed);
    assert.ok(done.ok, `${JSON.stringify(done.dispatchError)}`);
    const paid = done.events.find(({ type, value }) => type === 'TransactionPayment' && value.type === 'TransactionFeePaid');
    // What the estimate holds for weight that is not used in the end comes back.
    const { actual_fee: actual } = paid.value.value;
    assert.ok(actual <= fee && actual > (fee * 99n) / 100n, `${actual} paid, ${fee} estimated`);
    assert.equal((await api.query.System.Account.getValue(dest)).data.free, LUX);
    const body = await client.getBlockBody(done.block.hash);
    assert.deepEqual(body[done.block.index], signed);
  });

  test('names the error of a job that the chain refuses', async () => {
    const refused = api.tx.JobEscrow.submit_job(job(`0x${'11'.repeat(32)}`, [1], Enum('Embed')));
    const { ok, dispatchError } = await refused.signAndSubmit(signer);
    assert.equal(ok, false);
    assert.equal(dispatchError.type, 'Module');
    assert.equal(dispatchError.value.type, 'JobEscrow');
    assert.equal(dispatchError.value.value.type, 'UnknownModel');
  });

  test('submits a job and follows it to its end', async (context) => {
    const model = await findModel(api);
    if (!model) return context.skip('no generation model is registered');
    const params = Enum('Generate', { max_new_tokens: 8, sampling: Enum('Greedy'), stop: [] });
    const settled$ = api.event.JobEscrow.JobSettled.watch();
    const stages = [];
    const submitted = await first(
      api.tx.JobEscrow.submit_job(job(model, [1, 2, 3, 4], params)).signSubmitAndWatch(signer),
      (event) => stages.push(event.type) && event.found,
    );
    assert.deepEqual([...new Set(stages)], ['signed', 'broadcasted', 'txBestBlocksState']);
    assert.ok(submitted.ok, JSON.stringify(submitted.dispatchError));
    const [{ payload }] = api.event.JobEscrow.JobSubmitted.filter(submitted.events);
    const { job: id, requester, max_fee: maxFee } = payload;
    assert.deepEqual([requester, maxFee], [alice, LUX]);

    if (!SERVED) {
      const cancelled = await api.tx.JobEscrow.cancel_job({ job: id }).signAndSubmit(signer);
      assert.equal(api.event.JobEscrow.JobCancelled.filter(cancelled.events)[0].payload.refund, LUX);
      return;
    }
    const { block, events } = await first(settled$, ({ events }) => events.some(({ payload }) => payload.job === id));
    const { split, refund } = events.find(({ payload }) => payload.job === id).payload;
    assert.equal(split.provider + split.royalty + split.audit_pool + split.burned + split.treasury, split.fee);
    assert.ok(split.fee > 0n);
    assert.equal(split.fee + refund, LUX);
    const record = await api.query.JobEscrow.Jobs.getValue(id, { at: block.hash });
    assert.equal(record.state.type, 'Settled');
    assert.equal(record.state.value.commitment.usage.prompt_tokens, 4);
  });
});
