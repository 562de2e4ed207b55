/** The server over HTTP: credentials, protocol, what its answers mean, how far its clock is. */

import { EngineError } from './errors.js';

export const PROTOCOL = 6;
const API = '/api/v1';
/** Milliseconds after which an answer is not waited for any more. */
const PATIENCE = 30_000;
/** Smaller differences of clocks cannot be told from the network's latency. */
const TOLERANCE = 2_000;
const PROBLEM = 'urn:retour:problem:';

export class Wire {
  #fetch;
  #now;
  #credential;
  /**
   * Milliseconds that the server is ahead of the device; null until it has answered.
   * @type {number | null}
   */
  skew = null;

  /**
   * @param {{fetch: typeof fetch, now: () => number, credential?: string | null}} options
   */
  constructor({ fetch, now, credential = null }) {
    this.#fetch = fetch;
    this.#now = now;
    this.#credential = credential;
  }

  /**
   * @param {string} path below the API's root
   * @param {AbortSignal} signal
   * @returns {Promise<any>} what the server says
   * @throws {EngineError}
   */
  async get(path, signal) {
    return this.#answered(path, { method: 'GET', signal });
  }

  /**
   * @param {string} path below the API's root
   * @param {unknown} said
   * @param {AbortSignal} signal
   * @returns {Promise<any>} what the server says
   * @throws {EngineError}
   */
  async post(path, said, signal) {
    const body = JSON.stringify(said);
    return this.#answered(path, { method: 'POST', body, signal });
  }

  /**
   * The body of a stream of events, as it comes.
   * @param {string} path below the API's root
   * @param {AbortSignal} signal ends it
   * @returns {Promise<ReadableStream<Uint8Array>>}
   * @throws {EngineError}
   */
  async stream(path, signal) {
    const response = await this.#send(path, { method: 'GET', signal }, 'text/event-stream');
    if (!response.ok) throw await problemOf(response);
    const kind = response.headers.get('content-type') ?? '';
    if (!kind.startsWith('text/event-stream') || !response.body) throw new EngineError('offline');
    return response.body;
  }

  /**
   * @param {string} path
   * @param {RequestInit & {signal: AbortSignal}} request
   */
  async #answered(path, request) {
    const timely = AbortSignal.any([request.signal, AbortSignal.timeout(PATIENCE)]);
    const response = await this.#send(path, { ...request, signal: timely }, 'application/json');
    if (!response.ok) throw await problemOf(response);
    if (response.status === 204) return null;
    try {
      return await response.json();
    } catch {
      // Cut on its way, or the page of a hotel that wants a password first.
      throw new EngineError('offline');
    }
  }

  /**
   * @param {string} path
   * @param {RequestInit} request
   * @param {string} accept
   */
  async #send(path, request, accept) {
    /** @type {Record<string, string>} */
    const headers = { Accept: accept, 'Retour-Protocol': String(PROTOCOL) };
    if (this.#credential) headers.Authorization = `Bearer ${this.#credential}`;
    if (request.body) headers['Content-Type'] = 'application/json';
    const before = this.#now();
    let response;
    try {
      response = await this.#fetch(API + path, {
        ...request,
        headers,
        cache: 'no-store',
        credentials: 'omit',
      });
    } catch {
      throw new EngineError('offline');
    }
    this.#compare(response.headers.get('date'), before, this.#now());
    return response;
  }

  /**
   * @param {string | null} date
   * @param {number} before
   * @param {number} after
   */
  #compare(date, before, after) {
    const told = Date.parse(date ?? '');
    // The header has whole seconds; a long way there and back tells nothing.
    if (Number.isNaN(told) || after < before || after - before > 10_000) return;
    const skew = told + 500 - (before + after) / 2;
    this.skew = Math.abs(skew) < TOLERANCE ? 0 : Math.round(skew);
  }
}

/**
 * Only what names one of our problems is ours: a foreign 401 or 410 must not be believed.
 * @param {Response} response
 */
async function problemOf(response) {
  const problem = await response.json().catch(() => null);
  const type = typeof problem?.type === 'string' ? problem.type : '';
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  const retryAfter = Number.isNaN(seconds) ? null : seconds * 1000;
  if (response.status >= 500) return new EngineError('server', { retryAfter });
  if (!type.startsWith(PROBLEM)) return new EngineError('offline');
  /** @type {Record<number, string>} */
  const codes = { 401: 'signed_out', 410: 'resync', 413: 'too_large', 426: 'old_app' };
  const code = codes[response.status] ?? type.slice(PROBLEM.length);
  return new EngineError(code, { retryAfter });
}
