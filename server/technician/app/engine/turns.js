/** One tab or worker of this browser at a time. */

/**
 * Do `work` while nobody else on this browser holds `name`; waits for its turn.
 * @template T
 * @param {string} name
 * @param {AbortSignal} signal ends the waiting, not the work
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export function inTurn(name, signal, work) {
  // Without locks two tabs may push the same: that is idempotent, only more traffic.
  return navigator.locks ? navigator.locks.request(name, { signal }, work) : work();
}
