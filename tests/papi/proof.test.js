// A job's state without trust in the node that serves it: a light client finds what is final from the chain specification alone, and
// `lantern job proof` leads from that block's hash to the job's record.
//
//   LANTERN_URL      WebSocket of a development chain with a settled job, default ws://127.0.0.1:9944
//   LANTERN_BIN      folder of `lantern` and of the `lantern-node` that runs the chain
//   LANTERN_TIMEOUT  seconds to wait for anything, default 120

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createClient } from 'polkadot-api';
import { getSmProvider } from 'polkadot-api/sm-provider';
import { start } from 'polkadot-api/smoldot';
import { PATIENCE, Rpc, URL, connect, first } from './chain.js';

const bin = process.env.LANTERN_BIN;
const folder = mkdtempSync(join(tmpdir(), 'lantern-proof-'));
const file = join(folder, 'proof.json');

let rpc;
let client;
let smoldot;
let light;
/** The job that was settled first, the height of that, and the final block at which its state is proved. */
let job;
let settledAt;
let block;

/** Runs a program; gives its exit code and its output as JSON, where it is JSON. */
function run(program, ...args) {
  const { status, stdout, stderr, error } = spawnSync(join(bin, program), args, { encoding: 'utf8', timeout: PATIENCE * 5000 });
  if (error) throw error;
  const answer = () => JSON.parse(stdout || stderr);
  return { status, stderr, answer };
}

const lantern = (...args) => run('lantern', '--url', URL, '--json', 'job', ...args);

describe(`a job's state, proved at ${URL}`, { timeout: PATIENCE * 10_000 }, () => {
  before(async () => {
    assert.ok(bin, 'LANTERN_BIN names the folder of lantern and lantern-node');
    rpc = await Rpc.open();
    client = connect();
    const jobs = await client.getUnsafeApi().query.JobEscrow.Jobs.getEntries();
    const settled = jobs.filter(({ value }) => value.state.type === 'Settled').map(({ keyArgs: [id], value }) => [id, value.state.value.settled_at]);
    assert.notEqual(settled.length, 0, 'the chain has a settled job');
    [job, settledAt] = settled.reduce((one, other) => (other[1] < one[1] ? other : one));
  });
  after(async () => {
    light?.destroy();
    await smoldot?.terminate();
    client?.destroy();
    rpc?.close();
    rmSync(folder, { recursive: true });
  });

  test('a light client reads it, from the chain specification alone', async () => {
    const specification = join(folder, 'chain.json');
    assert.equal(run('lantern-node', 'export-chain-spec', '--chain', 'dev', '--raw', '--output', specification).status, 0);
    const bootNodes = (await rpc.call('system_localListenAddresses')).filter((address) => address.startsWith('/ip4/127.0.0.1/'));
    assert.ok(bootNodes.length > 0, 'the node listens on this machine');
    const chainSpec = JSON.stringify({ ...JSON.parse(readFileSync(specification, 'utf8')), bootNodes });
    smoldot = start({ maxLogLevel: 1 });
    light = createClient(getSmProvider(() => smoldot.addChain({ chainSpec })));

    block = await first(light.finalizedBlock$, ({ number }) => number >= settledAt);
    assert.equal(block.hash, await rpc.call('chain_getBlockHash', block.number));
    const record = await light.getUnsafeApi().query.JobEscrow.Jobs.getValue(job, { at: block.hash });
    assert.deepEqual(record, await client.getUnsafeApi().query.JobEscrow.Jobs.getValue(job, { at: block.hash }));
    assert.equal(record.state.type, 'Settled');
  });

  test('lantern proves it from the hash of the block that the light client found final', async () => {
    const { status, stderr, answer } = lantern('proof', `${job}`, '--block', block.hash, '--out', file);
    assert.equal(status, 0, stderr);
    assert.equal(answer().proved, 'held');
    assert.deepEqual(answer().block, { number: block.number, hash: block.hash });
    assert.deepEqual(answer().job, await rpc.call('depin_getJob', Number(job), block.hash));
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')).header, await rpc.call('chain_getHeader', block.hash));

    const offline = lantern('check-proof', file, '--block', block.hash);
    assert.equal(offline.status, 0, offline.stderr);
    assert.deepEqual(offline.answer(), answer());
  });

  test('no forged proof is accepted', () => {
    const proof = JSON.parse(readFileSync(file, 'utf8'));
    const refused = (forged, why) => {
      writeFileSync(join(folder, 'forged.json'), JSON.stringify(forged));
      const { status, answer } = lantern('check-proof', join(folder, 'forged.json'), '--block', block.hash);
      assert.equal(status, 1, why);
      assert.equal(answer().error.kind, 'outcome', why);
    };
    proof.nodes.forEach((node, index) => {
      const last = node.endsWith('0') ? '1' : '0';
      refused({ ...proof, nodes: proof.nodes.with(index, node.slice(0, -1) + last) }, `node ${index} changed`);
      refused({ ...proof, nodes: proof.nodes.toSpliced(index, 1) }, `node ${index} left out`);
    });
    refused({ ...proof, job: proof.job + 1 }, 'for another job');
    refused({ ...proof, header: { ...proof.header, stateRoot: `0x${'11'.repeat(32)}` } }, 'from another root');
    assert.equal(lantern('check-proof', file, '--block', `0x${'11'.repeat(32)}`).status, 1);
  });

  test('the absence of a job is proved too, at the block that is final when it is asked', async () => {
    const best = Number((await rpc.call('chain_getHeader')).number);
    const { status, stderr, answer } = lantern('proof', '4294967295');
    assert.equal(status, 0, stderr);
    assert.equal(answer().proved, 'unknown');
    assert.equal(answer().job, null);
    assert.ok(answer().block.number >= best);
  });
});
