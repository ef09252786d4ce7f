// Plain JSON-RPC over a WebSocket, as a client in any language would use it: the methods of the new specification and the older
// subscriptions.
//
//   LANTERN_URL      WebSocket of a development chain, default ws://127.0.0.1:9944
//   LANTERN_TIMEOUT  seconds to wait for anything, default 120

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { blake2b256 } from '@polkadot-labs/hdkd-helpers';
import { Enum } from 'polkadot-api';
import { LUX, PATIENCE, Rpc, URL, account, connect } from './chain.js';

const NEW = [
  ...['follow', 'unfollow', 'header', 'body', 'storage', 'call', 'continue', 'unpin', 'stopOperation'].map((m) => `chainHead_v1_${m}`),
  ...['chainName', 'genesisHash', 'properties'].map((m) => `chainSpec_v1_${m}`),
  ...['genesisHash', 'finalizedHeight', 'hashByHeight', 'header', 'body', 'storage', 'call'].map((m) => `archive_v1_${m}`),
  ...['transactionWatch_v1_submitAndWatch', 'transactionWatch_v1_unwatch', 'transaction_v1_broadcast', 'transaction_v1_stop'],
];
const hex = (bytes) => `0x${Buffer.from(bytes).toString('hex')}`;

let rpc;
let client;
let key;

/** A signed transfer to a fresh account, and the key of that account's balance. */
async function transfer(path) {
  const { signer } = account('//Eve');
  const { address } = account(`//rpc//${path}//${Date.now()}`);
  const api = client.getUnsafeApi();
  const signed = await api.tx.Balances.transfer_keep_alive({ dest: Enum('Id', address), value: LUX }).sign(signer);
  return { signed: hex(signed), balance: await api.query.System.Account.getKey(address) };
}

describe(`JSON-RPC at ${URL}`, { timeout: PATIENCE * 4000 }, () => {
  before(async () => {
    rpc = await Rpc.open();
    client = connect();
    key = await client.getUnsafeApi().query.JobEscrow.NextJobId.getKey();
  });
  after(() => {
    rpc?.close();
    client?.destroy();
  });

  test('has the methods of the new specification', async () => {
    const { methods } = await rpc.call('rpc_methods');
    assert.deepEqual(NEW.filter((method) => !methods.includes(method)), []);
  });

  test('chainHead_v1: follow, header, body, storage, call, unpin, unfollow', async () => {
    const follow = await rpc.subscribe('chainHead_v1_follow', true);
    const event = (what, wanted) => follow.next(what, wanted);
    const start = await event('initialized');
    assert.equal(start.event, 'initialized');
    assert.equal(start.finalizedBlockRuntime.type, 'valid');
    assert.equal(start.finalizedBlockRuntime.spec.specName, 'lantern');
    const block = start.finalizedBlockHashes.at(-1);

    const header = await rpc.call('chainHead_v1_header', follow.id, block);
    assert.equal(hex(blake2b256(Buffer.from(header.slice(2), 'hex'))), block);

    const operation = async (method, ...params) => {
      const { result, operationId } = await rpc.call(`chainHead_v1_${method}`, follow.id, block, ...params);
      assert.equal(result, 'started', method);
      return operationId;
    };
    const body = await operation('body');
    const done = await event('body', (event) => event.operationId === body);
    assert.equal(done.event, 'operationBodyDone');
    assert.ok(done.value.length > 0);

    const storage = await operation('storage', [{ key, type: 'value' }], null);
    const items = [];
    for (let got; got?.event !== 'operationStorageDone'; ) {
      got = await event('storage', (event) => event.operationId === storage);
      assert.match(got.event, /^operationStorage(Items|Done)$/);
      items.push(...(got.items ?? []));
    }
    const legacy = await rpc.call('state_getStorage', key, block);
    assert.deepEqual(items.map(({ value }) => value), legacy === null ? [] : [legacy]);

    const call = await operation('call', 'DepinApi_next_job_id', '0x');
    const output = await event('call', (event) => event.operationId === call);
    assert.equal(output.output, legacy ?? '0x0000000000000000');

    const fresh = await event('a new block', ({ event }) => event === 'newBlock');
    const best = await event('a best block', ({ event }) => event === 'bestBlockChanged');
    const final = await event('finality', ({ event }) => event === 'finalized');
    assert.match(fresh.blockHash, /^0x[0-9a-f]{64}$/);
    assert.match(best.bestBlockHash, /^0x[0-9a-f]{64}$/);
    await rpc.call('chainHead_v1_unpin', follow.id, block);
    await assert.rejects(rpc.call('chainHead_v1_header', follow.id, block), { code: -32801 });
    assert.notEqual(await rpc.call('chainHead_v1_header', follow.id, final.finalizedBlockHashes.at(-1)), null);
    await rpc.call('chainHead_v1_unfollow', follow.id);
  });

  test('chainSpec_v1 and archive_v1 agree with the older methods', async () => {
    const genesis = await rpc.call('chainSpec_v1_genesisHash');
    assert.equal(genesis, await rpc.call('chain_getBlockHash', 0));
    assert.equal(genesis, await rpc.call('archive_v1_genesisHash'));
    assert.equal(await rpc.call('chainSpec_v1_chainName'), await rpc.call('system_chain'));
    assert.deepEqual(await rpc.call('chainSpec_v1_properties'), await rpc.call('system_properties'));

    const height = await rpc.call('archive_v1_finalizedHeight');
    const [hash] = await rpc.call('archive_v1_hashByHeight', height);
    assert.equal(hash, await rpc.call('chain_getBlockHash', height));
    const header = await rpc.call('archive_v1_header', hash);
    assert.equal(hex(blake2b256(Buffer.from(header.slice(2), 'hex'))), hash);
    assert.deepEqual(await rpc.call('archive_v1_body', hash), (await rpc.call('chain_getBlock', hash)).block.extrinsics);
    const call = await rpc.call('archive_v1_call', hash, 'DepinApi_next_job_id', '0x');
    assert.equal(call.success, true);
    assert.equal(call.value, await rpc.call('state_call', 'DepinApi_next_job_id', '0x', hash));
    const storage = await rpc.subscribe('archive_v1_storage', hash, [{ key, type: 'value' }], null);
    const found = await storage.next('the end', ({ event }) => event !== 'storage');
    assert.equal(found.event, 'storageDone');
  });

  test('transactionWatch_v1 reports until finality', async () => {
    const { signed, balance } = await transfer('watch');
    const watch = await rpc.subscribe('transactionWatch_v1_submitAndWatch', signed);
    const included = await watch.next('a best block', ({ event }) => event === 'bestChainBlockIncluded');
    const final = await watch.next('finality', ({ event }) => event === 'finalized');
    assert.equal(final.block.hash, included.block.hash);
    assert.notEqual(await rpc.call('state_getStorage', balance, final.block.hash), null);
  });

  test('the older subscriptions: heads, storage, runtime version, transaction', async () => {
    const heads = await rpc.subscribe('chain_subscribeNewHeads');
    const finals = await rpc.subscribe('chain_subscribeFinalizedHeads');
    const version = await rpc.subscribe('state_subscribeRuntimeVersion');
    assert.equal((await version.next('the version')).specName, 'lantern');

    const { signed, balance } = await transfer('older');
    const storage = await rpc.subscribe('state_subscribeStorage', [balance]);
    const before = await storage.next('the present value');
    assert.deepEqual(before.changes, [[balance, null]]);
    const watch = await rpc.subscribe('author_submitAndWatchExtrinsic', signed);
    assert.equal(await watch.next('the pool'), 'ready');
    const { inBlock } = await watch.next('a block', (status) => status.inBlock);
    const change = await storage.next('the change');
    assert.equal(change.changes[0][0], balance);
    assert.notEqual(change.changes[0][1], null);
    assert.equal(change.block, inBlock);
    const { finalized } = await watch.next('finality', (status) => status.finalized);
    assert.equal(finalized, inBlock);

    const number = ({ number }) => Number(number);
    const { number: height } = await rpc.call('chain_getHeader', finalized);
    await heads.next('the block', (head) => head.number === height);
    const next = await heads.next('the block after it');
    assert.equal(number(next), Number(height) + 1);
    assert.equal(next.parentHash, finalized);
    await finals.next('the block', (head) => head.number === height);

    assert.equal(await rpc.call('chain_unsubscribeNewHeads', heads.id), true);
    assert.equal(await rpc.call('chain_unsubscribeFinalizedHeads', finals.id), true);
    assert.equal(await rpc.call('state_unsubscribeStorage', storage.id), true);
    assert.equal(await rpc.call('state_unsubscribeRuntimeVersion', version.id), true);
  });
});
