// What the tests share: connecting, submitting, and following the chain's events.

import assert from 'node:assert/strict';
import { ApiPromise, WsProvider } from '@polkadot/api';

export const LUX = 10n ** 12n;

/** Connects to `url`. Disconnect the provider, not the api: after a failed connection only the provider is there, and it would
 * reconnect for ever. */
export async function connect(url) {
  const provider = new WsProvider(url, 2_500, {}, 20_000);
  const api = await ApiPromise.create({ provider, throwOnConnect: true });
  return { api, provider };
}

/** The name and text of a dispatch error. */
export function explain(api, error) {
  if (!error.isModule) return error.toString();
  const { section, name, docs } = api.registry.findMetaError(error.asModule);
  return `${section}.${name}: ${docs.join(' ')}`;
}

/** Signs and submits `call`; resolves with its events and block once it is in a block, rejects with the error's name. */
export function submit(api, signer, call) {
  return new Promise((resolve, reject) => {
    call
      .signAndSend(signer, { nonce: -1 }, ({ dispatchError, events, status, internalError }) => {
        if (internalError) return reject(internalError);
        if (dispatchError) return reject(new Error(explain(api, dispatchError)));
        if (status.isInBlock) resolve({ events: events.map(({ event }) => event), block: status.asInBlock });
      })
      .catch(reject);
  });
}

/** The data of the event `section.method` among `events`. */
export function find(events, section, method) {
  const event = events.find((event) => event.section === section && event.method === method);
  assert.ok(event, `${section}.${method} among ${events.map((event) => `${event.section}.${event.method}`)}`);
  return event.data;
}

/** Gives `look` the events of every block from `block` on, one block after the other so that none is missed when several arrive
 * together, until it returns something; resolves with that. Rejects after `seconds` without. */
export function follow(api, block, seconds, what, look) {
  return new Promise((resolve, reject) => {
    let stop = () => {};
    const timer = setTimeout(() => done(reject, new Error(`no ${what} within ${seconds} s`)), seconds * 1000);
    const done = (settle, value) => {
      clearTimeout(timer);
      stop();
      settle(value);
    };
    const one = async (hash) => {
      const records = await (await api.at(hash)).query.system.events();
      const found = await look(records.map(({ event }) => event), hash);
      if (found !== undefined) done(resolve, found);
    };
    let queue = one(block);
    queue
      .then(() =>
        api.rpc.chain.subscribeNewHeads((header) => {
          queue = queue.then(() => one(header.hash)).catch((error) => done(reject, error));
        }),
      )
      .then((unsubscribe) => (stop = unsubscribe))
      .catch((error) => done(reject, error));
  });
}
