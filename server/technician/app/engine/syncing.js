/** One device's syncing: push, then pull to the end, when asked, when moved, or after a while. */

import { EngineError, codeOf } from './errors.js';
import { listen } from './live.js';
import { dropPulled, pullPage } from './pulling.js';
import { pushAll } from './pushing.js';
import { withLock } from './locks.js';

/** Milliseconds between looks at the server while it can, and cannot, say by itself. */
const POLL_LIVE = 10 * 60_000;
const POLL = 30_000;
/** Milliseconds of the first and of the longest wait after a failure. */
const SHORTEST = 1_000;
const LONGEST = 60_000;
/**
 * What passes only when somebody does something: how long until the next look, in milliseconds.
 * @type {Record<string, number>}
 */
const PATIENT = { signed_out: POLL_LIVE, old_app: POLL_LIVE, storage_full: LONGEST };

/**
 * @typedef {null | 'signed_out' | 'old_app' | 'storage_full' | 'server'} Problem
 * @typedef {{online?: boolean, live?: boolean, problem?: Problem}} News
 */

/** Events: 'change' (anything below or in the store may be different), 'met' (the server knew us). */
export class Syncing extends EventTarget {
  /** Whether the server answered last. */
  online = navigator.onLine !== false;
  /** Whether the server says by itself when to pull. */
  live = false;
  /** @type {Problem} */
  problem = null;

  #store;
  #wire;
  #now;
  #device;
  #ended = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #failures = 0;
  /** How often the network fell: an answer to what was asked before does not say that it is back. */
  #falls = 0;
  /** @type {Promise<void> | null} */
  #running = null;
  #again = false;
  /** Whether this tab is the one that listens. */
  #listening = false;
  #tabs;
  /** Ends the wait before the stream is opened anew. */
  #rest = new AbortController();

  /**
   * @param {string} device
   * @param {import('./database.js').Database} store
   * @param {import('./wire.js').Wire} wire
   * @param {() => number} now the device's clock
   */
  constructor(device, store, wire, now) {
    super();
    this.#device = device;
    this.#store = store;
    this.#wire = wire;
    this.#now = now;
    this.#tabs = new BroadcastChannel(`retour-live-${device}`);
  }

  start() {
    const signal = this.#ended.signal;
    globalThis.addEventListener('online', () => this.wake(), { signal });
    globalThis.addEventListener('offline', () => this.#fallen(), { signal });
    const { document } = globalThis;
    document?.addEventListener('visibilitychange', () => document.hidden || this.wake(), {
      signal,
    });
    this.#tabs.onmessage = ({ data }) => this.#heard(data);
    this.#tabs.postMessage('is anybody live?');
    this.#listenOn();
    return this.sync();
  }

  stop() {
    this.#ended.abort();
    clearTimeout(this.#timer);
    this.#rest.abort();
    this.#tabs.close();
  }

  /** The network may be back, or somebody looks: do not wait any longer. */
  wake() {
    this.#failures = 0;
    this.#rest.abort();
    return this.sync();
  }

  /**
   * Push and pull now; who asks while it runs gets another run after it.
   * @returns {Promise<void>} when that is over, well or not
   */
  sync() {
    if (this.#running) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#untilQuiet().finally(() => (this.#running = null));
    return this.#running;
  }

  async #untilQuiet() {
    do {
      this.#again = false;
      clearTimeout(this.#timer);
      await this.#once();
    } while (this.#again && !this.#ended.signal.aborted && this.online);
  }

  async #once() {
    const signal = this.#ended.signal;
    const falls = this.#falls;
    try {
      await withLock(`retour-sync-${this.#device}`, signal, () => this.#both(signal));
      this.#failures = 0;
      this.#later(this.live ? POLL_LIVE : POLL);
    } catch (error) {
      if (signal.aborted) return;
      if (codeOf(error) === 'signed_out') await dropPulled(this.#store).catch(console.error);
      this.#failed(error, falls);
    }
  }

  /**
   * What was recorded meanwhile goes out between two pages of a long pull.
   * @param {AbortSignal} signal
   */
  async #both(signal) {
    for (let more = true; more;) {
      const falls = this.#falls;
      const settled = await pushAll(this.#store, this.#wire, this.#now, signal);
      if (settled) this.#changed();
      const page = await pullPage(this.#store, this.#wire, this.#now, signal);
      this.#report({ online: this.#isReached(falls), problem: null });
      this.#changed(); // at least when the last sync was
      more = page.more;
    }
    this.dispatchEvent(new Event('met'));
  }

  #fallen() {
    this.#falls += 1;
    this.#report({ online: false });
  }

  /** @param {number} falls before what was answered was asked */
  #isReached(falls) {
    return this.online || falls === this.#falls;
  }

  /** @param {unknown} error @param {number} falls before it */
  #failed(error, falls) {
    const code = codeOf(error) ?? 'server';
    const retryAfter = error instanceof EngineError ? error.retryAfter : null;
    if (codeOf(error) === null) console.error(error);
    this.#report({ online: code !== 'offline' && this.#isReached(falls), problem: this.#problemAfter(code) });
    this.#failures += 1;
    const backoff = jittered(Math.min(LONGEST, SHORTEST * 2 ** this.#failures));
    this.#later(Math.max(PATIENT[code] ?? backoff, Math.min(retryAfter ?? 0, POLL_LIVE)));
  }

  /**
   * @param {string} code of an error
   * @returns {Problem}
   */
  #problemAfter(code) {
    switch (code) {
      case 'signed_out':
      case 'old_app':
      case 'storage_full':
        return code;
      case 'offline':
        return this.problem;
      default:
        return 'server';
    }
  }

  /** @param {number} wait milliseconds */
  #later(wait) {
    clearTimeout(this.#timer);
    if (!this.#ended.signal.aborted) this.#timer = setTimeout(() => this.sync(), wait);
  }

  /** @param {News} news */
  #report(news) {
    const wasLive = this.live;
    const before = [this.online, this.live, this.problem].join();
    Object.assign(this, news);
    if (before !== [this.online, this.live, this.problem].join()) this.#changed();
    // The next look was put off because the server would speak; what is put off by a failure stays so.
    if (wasLive && !this.live && !this.#failures) this.#later(jittered(POLL));
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }

  /** One tab listens for all of them. */
  async #listenOn() {
    const signal = this.#ended.signal;
    const work = async () => {
      for (let failures = 0; !signal.aborted; failures += 1) {
        await this.#listenOnce(() => (failures = 0));
        this.#rest = new AbortController();
        await pause(jittered(Math.min(LONGEST, SHORTEST * 2 ** failures)), this.#rest.signal);
      }
    };
    await withLock(`retour-live-${this.#device}`, signal, work).catch(() => null);
  }

  /** @param {() => void} opened */
  async #listenOnce(opened) {
    const begin = () => {
      opened();
      this.#setLive(true);
    };
    try {
      await listen(this.#wire, this.#ended.signal, begin, () => this.sync());
    } catch (error) {
      // The next look at the server says what is wrong. It comes anyway; a revoked device's at once.
      if (codeOf(error) === 'signed_out' && this.problem !== 'signed_out') this.sync();
    }
    this.#setLive(false);
  }

  /** Here and in the other tabs, which do not listen themselves. @param {boolean} live */
  #setLive(live) {
    this.#listening = live;
    this.#report({ live });
    if (!this.#ended.signal.aborted) this.#tabs.postMessage({ live });
  }

  /** @param {News | string} said */
  #heard(said) {
    if (typeof said === 'object') this.#report(said);
    else if (this.#listening) this.#tabs.postMessage({ live: true });
  }
}

/**
 * Half of it to all of it, so that devices that fell together do not come back together.
 * @param {number} wait
 */
function jittered(wait) {
  return wait / 2 + (Math.random() * wait) / 2;
}

/**
 * @param {number} wait
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(wait, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, wait);
    signal.addEventListener('abort', () => resolve(clearTimeout(timer)), { once: true });
  });
}
