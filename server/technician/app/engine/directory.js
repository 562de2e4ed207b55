/**
 * Who enrolled on this browser, and who is at work now.
 *
 * @typedef {object} Enrolment
 * @property {string} device its id
 * @property {string} deviceName
 * @property {string} credential what opens the server
 * @property {string | null} technician an id; null until the server has told
 * @property {string} name the technician's
 * @property {string} account the account's name
 * @property {string} zone IANA, the account's
 * @property {string} language of the technician: fr_CA
 */

import { Database, asked } from './database.js';

const STORES = ['enrolment', 'fact'];

export class Directory {
  #database = new Database('retour', 1, (database) => {
    database.createObjectStore('enrolment', { keyPath: 'device' });
    database.createObjectStore('fact');
  });

  /** @returns {Promise<Enrolment | null>} who is at work */
  async current() {
    return this.#database.read(STORES, async (tx) => {
      const device = await asked(tx.objectStore('fact').get('current'));
      return device ? ((await asked(tx.objectStore('enrolment').get(device))) ?? null) : null;
    });
  }

  /** @returns {Promise<Enrolment[]>} */
  async all() {
    return this.#database.read(STORES, (tx) => asked(tx.objectStore('enrolment').getAll()));
  }

  /**
   * Keep `enrolment`, which is at work from now on.
   * @param {Enrolment} enrolment
   */
  async enter(enrolment) {
    await this.#database.write(STORES, async (tx) => {
      tx.objectStore('enrolment').put(enrolment);
      tx.objectStore('fact').put(enrolment.device, 'current');
    });
  }

  /**
   * Add to what is known of an enrolment.
   * @param {string} device
   * @param {Partial<Enrolment>} known
   */
  async learn(device, known) {
    await this.#database.write(STORES, async (tx) => {
      const store = tx.objectStore('enrolment');
      const before = await asked(store.get(device));
      if (before) store.put({ ...before, ...known });
    });
  }

  /** @param {string} device @returns {Promise<boolean>} whether it is known and now at work */
  async resume(device) {
    return this.#database.write(STORES, async (tx) => {
      const known = await asked(tx.objectStore('enrolment').get(device));
      if (known) tx.objectStore('fact').put(device, 'current');
      return Boolean(known);
    });
  }

  /** Nobody is at work. */
  async leave() {
    await this.#database.write(STORES, async (tx) => tx.objectStore('fact').delete('current'));
  }

  /** @param {string} device whose credential is not kept any longer */
  async forget(device) {
    await this.#database.write(STORES, async (tx) => tx.objectStore('enrolment').delete(device));
  }

  /**
   * Find out whether anything can be kept here, before a code is used up.
   * @throws {EngineError} 'storage_full'
   */
  async probe() {
    const room = new Uint8Array(1 << 16);
    await this.#database.write(STORES, async (tx) => tx.objectStore('fact').put(room, 'room'));
    await this.#database.write(STORES, async (tx) => tx.objectStore('fact').delete('room'));
  }
}
