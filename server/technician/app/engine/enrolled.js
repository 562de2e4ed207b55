/** One enrolled device at work: its store, its wire, its syncing, and the time it holds items. */

import { asked } from './database.js';
import { keepDraft, readDraft } from './drafts.js';
import { codeOf } from './errors.js';
import { gather } from './others.js';
import { HOLD, record, release, tryAgain, undo, unreadable } from './outbox.js';
import { asksOf, pageOf, readAll, readOne, readQueue, tasksOf } from './reading.js';
import { readMark, openStore } from './store.js';
import { Syncing } from './syncing.js';
import { Wire } from './wire.js';

/**
 * @import { Draft } from './store.js'
 *
 * @typedef {object} Me who the server says we are
 * @property {{id: string, name: string}} device
 * @property {{id: string, name: string, language: string}} technician
 * @property {{name: string, zone: string, language: string}} account
 */

export class Enrolled extends EventTarget {
  #tabs;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #now;
  #wire;
  #ended = new AbortController();
  /** Whether the server has said who we are since the start. */
  #known = false;
  /**
   * What is typed and not written yet, by task: a full device may not be able to.
   * @type {Map<string, Partial<Draft>>}
   */
  #typed = new Map();

  /**
   * @param {import('./directory.js').Enrolment} enrolment
   * @param {{fetch: typeof fetch, now: () => number}} outside
   */
  constructor(enrolment, { fetch, now }) {
    super();
    this.enrolment = enrolment;
    this.#now = now;
    this.store = openStore(enrolment.device);
    this.#wire = new Wire({ fetch, now, credential: enrolment.credential });
    this.syncing = new Syncing(enrolment.device, this.store, this.#wire, now);
    this.#tabs = new BroadcastChannel(`retour-${enrolment.device}`);
  }

  /** Let go what was held too long, sync, and go on doing so. */
  async start() {
    this.#tabs.onmessage = () => this.dispatchEvent(new Event('change'));
    this.syncing.addEventListener('change', () => this.#changed());
    this.syncing.addEventListener('met', () => this.#introduce());
    await tryAgain(this.store).catch(() => null);
    await this.#release();
    if (!this.#ended.signal.aborted) this.syncing.start();
  }

  /** Nothing of this device's is sent any more; what it keeps stays. */
  stop() {
    this.#ended.abort();
    clearTimeout(this.#timer);
    this.syncing.stop();
    this.#tabs.close();
    this.store.close();
  }

  /** @param {import('./store.js').Order} order */
  async record(order) {
    try {
      const item = await record(this.store, order, this.#now(), this.#typed.get(order.task));
      this.#typed.delete(order.task);
      this.#releaseIn(HOLD);
      return item;
    } catch (error) {
      this.#notice(error);
      throw error;
    } finally {
      this.#changed();
    }
  }

  /** @param {string} id */
  async undo(id) {
    const done = await undo(this.store, id, this.#now());
    if (done) this.#changed();
    return done;
  }

  /** All tasks, the next one first. @param {string} me the technician's name */
  async tasks(me) {
    return tasksOf(await readAll(this.store), me);
  }

  /** A task with what its page shows, or null. @param {string} id @param {string} me */
  async task(id, me) {
    const content = await readOne(this.store, id);
    return content && pageOf(content, me);
  }

  /** Who will be asked. @param {string} id @param {string} state @param {string | null} email */
  async asks(id, state, email) {
    const content = await readOne(this.store, id);
    return content ? asksOf(content, state, email, this.#now()) : [];
  }

  /** What is typed on a task and not recorded. @param {string} task @returns {Promise<Draft>} */
  async draft(task) {
    return { ...(await readDraft(this.store, task)), ...this.#typed.get(task) };
  }

  /** @param {string} task @param {Partial<Draft>} typed */
  async keepDraft(task, typed) {
    const latest = { ...this.#typed.get(task), ...typed };
    this.#typed.set(task, latest);
    try {
      await keepDraft(this.store, task, latest);
      if (this.#typed.get(task) === latest) this.#typed.delete(task);
    } catch (error) {
      if (!this.#notice(error)) throw error;
      this.#changed();
    }
  }

  /**
   * Whether `error` says that the device is full, which stands above every page then.
   * @param {unknown} error
   */
  #notice(error) {
    const full = codeOf(error) === 'storage_full';
    if (full) this.syncing.problem = 'storage_full';
    return full;
  }

  queue() {
    return readQueue(this.store);
  }

  /**
   * Take over what the technician's former enrolments have queued here.
   * @param {import('./directory.js').Directory} directory
   * @param {string} technician
   */
  async gather(directory, technician) {
    const { device } = this.enrolment;
    if (!(await gather(directory, device, technician, this.store))) return;
    await this.#release(); // what came may still be held
    this.syncing.sync();
  }

  /** How far it is: counts and marks. */
  async standing() {
    return this.store.read(['task', 'outbox', 'draft', 'mark'], async (tx) => {
      /** @param {string} status */
      const count = (status) => asked(tx.objectStore('outbox').index('status').count(status));
      const [waiting, held, refused] = await Promise.all(['waiting', 'held', 'refused'].map(count));
      const settled = (await asked(tx.objectStore('outbox').count())) - waiting - held;
      const drafts = await asked(tx.objectStore('draft').count());
      const complete = await readMark(tx, 'complete');
      const done = complete ? 0 : await asked(tx.objectStore('task').count());
      const lastSync = await readMark(tx, 'lastSync');
      const skew = this.#wire.skew ?? (await readMark(tx, 'skew'));
      const unread = (await unreadable(tx)).length;
      const signedOut = await readMark(tx, 'signedOut');
      const firstSync = complete || signedOut ? null : { done };
      const counts = { waiting, held, refused, unread, settled, drafts };
      return { ...counts, lastSync, skew, firstSync, signedOut };
    });
  }

  /** Event 'introduced', with who the server says we are in `detail`. */
  async #introduce() {
    if (this.#known) return;
    try {
      const detail = await this.#wire.get('/sync/me', this.#ended.signal);
      this.#known = true;
      this.dispatchEvent(new CustomEvent('introduced', { detail }));
    } catch (error) {
      // Asked again after the next sync, unless the server does not know the question.
      this.#known = !['offline', 'server'].includes(codeOf(error) ?? '');
    }
  }

  /** @param {number} wait milliseconds */
  #releaseIn(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#release(), wait);
  }

  async #release() {
    if (this.#ended.signal.aborted) return;
    const { released, next } = await release(this.store, this.#now()).catch(() => ({
      released: 0,
      next: HOLD,
    }));
    if (next !== null) this.#releaseIn(next);
    if (!released) return;
    this.#changed();
    this.syncing.sync();
  }

  /** Here and in the other tabs. */
  #changed() {
    this.dispatchEvent(new Event('change'));
    if (!this.#ended.signal.aborted) this.#tabs.postMessage('change');
  }
}
