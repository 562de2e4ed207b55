/** The browser's locks: one tab or worker at a time. */

/**
 * Do `work` while nobody else on this browser holds the lock `name`, which is waited for.
 * @template T
 * @param {string} name
 * @param {AbortSignal} signal ends the waiting, not the work
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export function withLock(name, signal, work) {
  // Without locks two tabs may push the same: that is idempotent, only more traffic.
  return navigator.locks ? navigator.locks.request(name, { signal }, work) : work();
}
