/**
 * The technician app without its pages: everything works without a network and is settled when
 * there is one. What only an enrolled device needs is loaded with the enrolment. Moments are
 * milliseconds since 1970 by the device's clock unless said otherwise; a state is
 * `{code, name, names, kind}` wherever one is given.
 *
 * @typedef {object} Session
 * @property {string} device
 * @property {string} deviceName
 * @property {string | null} technician an id; null until the server has told once
 * @property {string} name
 * @property {string} account
 * @property {string} zone IANA, the account's
 * @property {string} language fr_CA or en_CA
 *
 * @typedef {object} Status
 * @property {boolean} online whether the server answered last
 * @property {boolean} live whether it says by itself what changes
 * @property {number} waiting
 * @property {number} held
 * @property {number} refused
 * @property {number} unread what the server could not read
 * @property {number} settled what has a verdict
 * @property {number} drafts tasks on which something is typed and not recorded
 * @property {number | null} lastSync
 * @property {import('./syncing.js').Problem} problem
 * @property {number} skew milliseconds that the server is ahead
 * @property {boolean} persisted whether the browser promised to keep what is stored
 * @property {{done: number} | null} firstSync tasks that are there already
 * @property {boolean} newer whether a newer version of the app waits: `update()` starts it
 */

/**
 * @import { Enrolment } from './directory.js'
 * @import { Enrolled, Me } from './enrolled.js'
 * @import { Draft, Order } from './store.js'
 */

import { Directory } from './directory.js';
import { EngineError, arrived, codeOf } from './errors.js';
import { Installed } from './installed.js';
import { Wire } from './wire.js';

const COUNTS = { waiting: 0, held: 0, refused: 0, unread: 0, settled: 0, drafts: 0 };
const NOBODY = { ...COUNTS, lastSync: null, skew: 0, firstSync: null, signedOut: false };

/**
 * Open what the device that is signed in keeps, if any, and start syncing; `install` is up to who
 * opens.
 * @param {{now?: () => number, fetch?: typeof fetch}} [outside]
 * @returns {Promise<Engine>}
 */
export async function openEngine({
  now = () => Date.now(),
  fetch = globalThis.fetch.bind(globalThis),
} = {}) {
  const engine = new Engine({ now, fetch });
  await engine.start();
  return engine;
}

/** Event 'change': anything here may be different. */
export class Engine extends EventTarget {
  /** @type {Session | null} */
  session = null;
  /** @type {{device: string, name: string, waiting: number}[]} others with things still queued */
  others = [];
  /** @type {Status} */
  status = {
    ...COUNTS,
    lastSync: null,
    skew: 0,
    firstSync: null,
    online: true,
    live: false,
    problem: null,
    persisted: false,
    newer: false,
  };

  #outside;
  #directory = new Directory();
  /** @type {Enrolled | null} */
  #enrolled = null;
  #installed = new Installed();
  #tabs = new BroadcastChannel('retour');
  /** @type {Promise<void>} */
  #looking = Promise.resolve();
  /** @type {Promise<unknown>} */
  #adopting = Promise.resolve();

  /** @param {{now: () => number, fetch: typeof fetch}} outside */
  constructor(outside) {
    super();
    this.#outside = outside;
  }

  /** Part of `openEngine`. */
  async start() {
    this.#tabs.onmessage = () => this.#adopt();
    this.#installed.addEventListener('change', () => this.#look());
    for (const turn of ['online', 'offline']) addEventListener(turn, () => this.#look());
    await this.#adopt();
  }

  /** Have here what an enrolment will need. */
  async loadRest() {
    await arrived(import('./enrolled.js'));
  }

  /**
   * Keep the app itself on this device, whole: once the first page stands, for all the files that
   * it takes would only delay that.
   */
  install() {
    return this.#installed.start();
  }

  /**
   * Turn a code into an enrolled device of this browser, at work from now on.
   * @param {string} code as the console shows it
   * @param {string} deviceName what the device is called on screens
   * @throws {EngineError} 'bad_code' | 'bad_name' | 'offline' | 'throttled' | 'storage_full' | 'server'
   */
  async enrol(code, deviceName) {
    const name = deviceName.trim().slice(0, 100);
    if (!name) throw new EngineError('bad_name');
    await this.#directory.probe();
    const wire = new Wire(this.#outside);
    const { device, credential } = await wire
      .post('/devices/enrol', { code: code.trim(), name }, new AbortController().signal)
      .catch((error) => {
        throw codeOf(error) === 'bad_request' ? new EngineError('bad_code') : error;
      });
    await this.#directory.enter({
      device,
      deviceName: name,
      credential,
      technician: null,
      name: '',
      account: '',
      zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      language: navigator.language.startsWith('en') ? 'en_CA' : 'fr_CA',
    });
    await this.#moved();
  }

  /**
   * Stop being this device. What it has queued stays its own and is not sent by anybody else;
   * where nothing is queued, nothing of it stays.
   */
  async signOut() {
    const device = this.session?.device;
    await this.#directory.leave();
    await this.#moved();
    if (!device) return;
    const { forget } = await arrived(import('./others.js'));
    await this.#alone(() => forget(this.#directory, device));
  }

  /**
   * Be one of `others` again.
   * @param {string} device
   * @throws {EngineError} 'no_session': it is not known here
   */
  async resume(device) {
    if (!(await this.#directory.resume(device))) throw new EngineError('no_session');
    await this.#moved();
  }

  /** All tasks with what was recorded here, the next one first. */
  async tasks() {
    return this.#enrolled ? this.#enrolled.tasks(this.session?.name ?? '') : [];
  }

  /**
   * A task with its next states and its history; null where it is not on this device (any more).
   * @param {string} id
   */
  async task(id) {
    return this.#enrolled ? this.#enrolled.task(id, this.session?.name ?? '') : null;
  }

  /**
   * Who will be asked if the task enters `state` now.
   * @param {string} id
   * @param {string} state
   * @param {string | null} [email] typed for the customer, not recorded yet
   * @returns {Promise<import('./asks.js').Asked[]>}
   */
  async asks(id, state, email = null) {
    return this.#enrolled ? this.#enrolled.asks(id, state, email) : [];
  }

  /** What is typed on a task and not recorded. @param {string} id @returns {Promise<Draft>} */
  async draft(id) {
    return this.#needed().draft(id);
  }

  /**
   * Keep what is being typed until a step of the task carries it: also after the end of the app,
   * unless the device is full, as the status says then.
   * @param {string} id of the task
   * @param {Partial<Draft>} typed
   */
  async keepDraft(id, typed) {
    await this.#needed().keepDraft(id, typed);
  }

  /**
   * Keep a transition. It can be undone for ten seconds and is pushed after them.
   * @param {Order} order
   * @returns {Promise<{id: string, undoUntil: number}>} once it is durable
   * @throws {EngineError} 'storage_full' and others: nothing was recorded
   */
  async record(order) {
    const item = await this.#needed().record(order);
    this.#installed.pushLater();
    return { id: item.id, undoUntil: item.heldUntil };
  }

  /** @param {string} id @returns {Promise<boolean>} true if it was held and is a draft again */
  async undo(id) {
    return this.#needed().undo(id);
  }

  /** What was recorded here, newest first; what is settled stays for 14 days. */
  async queue() {
    return this.#enrolled ? this.#enrolled.queue() : [];
  }

  /** Push and pull now; by then the status says how that went. */
  async sync() {
    await this.#enrolled?.syncing.wake();
    await this.#look();
  }

  /** Start the newer version of the app; the page loads anew. */
  update() {
    this.#installed.update();
  }

  /** Ends what runs in the background: for tests and for pages that close. */
  close() {
    this.#enrolled?.stop();
    this.#tabs.close();
  }

  #needed() {
    if (!this.#enrolled) throw new EngineError('no_session');
    return this.#enrolled;
  }

  /** Who is at work has changed: here, and so in every tab. */
  async #moved() {
    this.#tabs.postMessage('moved');
    await this.#adopt();
  }

  /** Be who the directory says is at work. */
  #adopt() {
    return this.#alone(() => this.#become());
  }

  /**
   * One look at the directory after the other: what is being forgotten must not be opened anew.
   * @param {() => Promise<unknown>} work
   */
  #alone(work) {
    this.#adopting = this.#adopting.catch(() => null).then(work);
    return this.#adopting;
  }

  async #become() {
    const enrolment = await this.#directory.current();
    if (this.#enrolled && this.#enrolled.enrolment.device !== enrolment?.device) {
      this.#enrolled.stop();
      this.#enrolled = null;
    }
    if (enrolment && !this.#enrolled) await this.#begin(enrolment);
    this.session = enrolment && sessionOf(enrolment);
    this.others = await this.#waiting(enrolment?.device);
    await this.#look();
  }

  /**
   * Others with something still queued here; mostly there is nobody to look for.
   * @param {string | undefined} device
   */
  async #waiting(device) {
    const all = await this.#directory.all();
    if (!all.some((one) => one.device !== device)) return [];
    const { waitingOthers } = await arrived(import('./others.js'));
    return waitingOthers(this.#directory, device);
  }

  /** @param {Enrolment} enrolment */
  async #begin(enrolment) {
    const { Enrolled } = await arrived(import('./enrolled.js'));
    const enrolled = new Enrolled(enrolment, this.#outside);
    this.#enrolled = enrolled;
    enrolled.addEventListener('change', () => this.#look());
    enrolled.addEventListener('introduced', (event) =>
      this.#learn(enrolled, /** @type {CustomEvent<Me>} */ (event).detail),
    );
    navigator.storage?.persist?.().then(
      () => this.#look(),
      () => null,
    );
    enrolled.start();
  }

  /**
   * @param {Enrolled} enrolled
   * @param {Me} me
   */
  async #learn(enrolled, me) {
    if (enrolled !== this.#enrolled) return;
    await this.#directory.learn(enrolled.enrolment.device, {
      deviceName: me.device.name,
      technician: me.technician.id,
      name: me.technician.name,
      language: me.technician.language,
      account: me.account.name,
      zone: me.account.zone,
    });
    await enrolled.gather(this.#directory, me.technician.id);
    await this.#moved();
  }

  /** Say how things are, one look after the other. */
  #look() {
    this.#looking = this.#looking.then(() => this.#see()).catch((error) => console.error(error));
    return this.#looking;
  }

  async #see() {
    const enrolled = this.#enrolled;
    const { signedOut, ...standing } = enrolled ? await enrolled.standing() : NOBODY;
    const persisted = (await navigator.storage?.persisted?.()) ?? false;
    if (enrolled !== this.#enrolled) return;
    const { online = navigator.onLine, live = false } = enrolled?.syncing ?? {};
    const problem = signedOut ? 'signed_out' : (enrolled?.syncing.problem ?? null);
    if (problem === 'old_app' && this.status.problem !== problem) this.#installed.look();
    const newer = this.#installed.newer;
    this.status = { ...standing, online, live, problem, persisted, newer };
    this.dispatchEvent(new Event('change'));
  }
}

/** @param {Enrolment} enrolment @returns {Session} */
function sessionOf({ device, deviceName, technician, name, account, zone, language }) {
  return { device, deviceName, technician, name, account, zone, language };
}
