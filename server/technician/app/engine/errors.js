/** What the engine may meet, by name; texts for people are the views' business. */

export class EngineError extends Error {
  /**
   * @param {string} code 'offline' | 'signed_out' | 'old_app' | 'resync' | 'bad_cursor' |
   *   'throttled' | 'server' | 'storage_full' | 'bad_code' | 'bad_name' | 'unknown_task' | 'unknown_state' | 'bad_email' |
   *   'bad_note' | 'bad_reason' | 'too_large' | 'bad_request' | 'no_session' | 'incomplete'
   * @param {{retryAfter?: number | null}} [more] retryAfter: milliseconds that the server asks for
   */
  constructor(code, { retryAfter = null } = {}) {
    super(code);
    this.name = 'EngineError';
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/**
 * The code of an `EngineError`; null for any other error.
 * @param {unknown} error
 * @returns {string | null}
 */
export function codeOf(error) {
  return error instanceof EngineError ? error.code : null;
}

/**
 * A module that is loaded when it is needed.
 * @template T
 * @param {Promise<T>} loading
 * @returns {Promise<T>}
 * @throws {EngineError} 'incomplete': it did not come
 */
export async function arrived(loading) {
  try {
    return await loading;
  } catch (error) {
    console.error(error);
    throw new EngineError('incomplete');
  }
}

/**
 * The same error, told as ours where it is about the space on the device.
 * @param {unknown} error
 * @returns {unknown}
 */
export function ofStorage(error) {
  const full = error instanceof DOMException && error.name === 'QuotaExceededError';
  return full ? new EngineError('storage_full') : error;
}
