/** Pushing without an open page: the service worker does it when the network is back. */

import { Directory } from './directory.js';
import { codeOf } from './errors.js';
import { release } from './outbox.js';
import { dropPulled } from './pulling.js';
import { pushAll } from './pushing.js';
import { openStore } from './store.js';
import { withLock } from './locks.js';
import { Wire } from './wire.js';

/**
 * Push what waits on the device that is signed in, also what its technician could undo until now.
 * @param {() => number} now the device's clock
 * @param {AbortSignal} signal leaves what waits to whoever comes next
 * @throws {import('./errors.js').EngineError | DOMException} something still waits: try again later
 */
export async function pushWaiting(now, signal) {
  const enrolment = await new Directory().current();
  if (!enrolment) return;
  const { device, credential } = enrolment;
  const store = openStore(device);
  const wire = new Wire({ fetch: globalThis.fetch.bind(globalThis), now, credential });
  try {
    await releaseAll(store, now, signal);
    await withLock(`retour-sync-${device}`, signal, () => pushAll(store, wire, now, signal));
  } catch (error) {
    if (codeOf(error) === 'signed_out') await dropPulled(store);
    throw error;
  } finally {
    const tabs = new BroadcastChannel(`retour-${device}`);
    tabs.postMessage('change');
    tabs.close();
    await store.close();
  }
}

/**
 * @param {import('./database.js').Database} store
 * @param {() => number} now
 * @param {AbortSignal} signal
 */
async function releaseAll(store, now, signal) {
  for (;;) {
    const { next } = await release(store, now());
    if (next === null) return;
    await new Promise((resolve) => {
      setTimeout(resolve, next);
      signal.addEventListener('abort', resolve);
    });
    signal.throwIfAborted();
  }
}
