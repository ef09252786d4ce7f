// What the tests share: the address of the chain, development accounts, waiting, and plain JSON-RPC over a WebSocket.

import { sr25519CreateDerive } from '@polkadot-labs/hdkd';
import { DEV_PHRASE, entropyToMiniSecret, mnemonicToEntropy, ss58Address } from '@polkadot-labs/hdkd-helpers';
import { createClient } from 'polkadot-api';
import { getPolkadotSigner } from 'polkadot-api/signer';
import { getWsProvider } from 'polkadot-api/ws';
import { filter, firstValueFrom, timeout } from 'rxjs';
import WebSocket from 'ws';

/** WebSocket of a development chain. */
export const URL = process.env.LANTERN_URL ?? 'ws://127.0.0.1:9944';
/** Whether a provider serves a generation model there: jobs must then be committed and settled. */
export const SERVED = Boolean(process.env.LANTERN_PROVIDER);
/** Seconds in which anything must happen. */
export const PATIENCE = Number(process.env.LANTERN_TIMEOUT ?? 120);

export const LUX = 10n ** 12n;

const derive = sr25519CreateDerive(entropyToMiniSecret(mnemonicToEntropy(DEV_PHRASE)));

/** A development account: its signer and its address. */
export function account(path) {
  const pair = derive(path);
  return { signer: getPolkadotSigner(pair.publicKey, 'Sr25519', pair.sign), address: ss58Address(pair.publicKey, 42) };
}

/** A client of polkadot-api at the chain. */
export function connect() {
  return createClient(getWsProvider(URL, { websocketClass: WebSocket }));
}

/** Resolves with the first value of `observable` for which `wanted` holds; rejects when none comes in time. */
export function first(observable, wanted = () => true) {
  return firstValueFrom(observable.pipe(filter(wanted), timeout(PATIENCE * 1000)));
}

/** The id of a generation model to buy from, one with a price when a provider serves; undefined when there is none. */
export async function findModel(api) {
  const models = await api.query.ModelRegistry.Models.getEntries();
  const priced = (await api.query.ModelRegistry.Prices.getEntries()).map(({ keyArgs: [, model] }) => model);
  const fits = ({ keyArgs: [id], value }) =>
    value.active && value.spec.family.type === 'Llama' && (!SERVED || priced.includes(id));
  return models.find(fits)?.keyArgs[0];
}

/** JSON-RPC over a WebSocket, without a client library. */
export class Rpc {
  #socket;
  #calls = new Map();
  #inboxes = new Map();
  #id = 0;

  static open() {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(URL);
      socket.once('open', () => resolve(new Rpc(socket)));
      socket.once('error', reject);
    });
  }

  constructor(socket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      const { id, result, error, params } = JSON.parse(data);
      // Notifications may be here before the answer to the call that asked for them.
      if (id === undefined) return this.#inbox(params.subscription).put(params.result);
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      if (error) call.reject(Object.assign(new Error(error.message), error));
      else call.resolve(result);
    });
  }

  #inbox(subscription) {
    if (!this.#inboxes.has(subscription)) this.#inboxes.set(subscription, new Inbox());
    return this.#inboxes.get(subscription);
  }

  /** Calls a method. */
  call(method, ...params) {
    return new Promise((resolve, reject) => {
      this.#calls.set(++this.#id, { resolve, reject });
      this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id: this.#id, method, params }));
    });
  }

  /** Subscribes; `next` of the result gives the notifications. */
  async subscribe(method, ...params) {
    const id = await this.call(method, ...params);
    const inbox = this.#inbox(id);
    return { id, next: (what, wanted) => inbox.next(`${what} of ${method}`, wanted), waiting: () => inbox.waiting };
  }

  close() {
    this.#socket.close();
  }
}

/** Notifications of one subscription, in their order. */
class Inbox {
  waiting = [];
  #wake = () => {};

  put(value) {
    this.waiting.push(value);
    this.#wake();
  }

  /** The next notification for which `wanted` holds, those before it dropped; rejects when none comes in time. */
  async next(what, wanted = () => true) {
    const end = Date.now() + PATIENCE * 1000;
    for (;;) {
      while (this.waiting.length) {
        const value = this.waiting.shift();
        if (wanted(value)) return value;
      }
      await new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no ${what} within ${PATIENCE} s`)), end - Date.now());
        this.#wake = () => (clearTimeout(timer), resolve());
      });
    }
  }
}
