/** IndexedDB with promises: transactions that are over when they are on the disk. */

import { EngineError, ofStorage } from './errors.js';

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
export function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export class Database {
  #name;
  #version;
  #upgrade;
  /** @type {Promise<IDBDatabase> | null} */
  #opened = null;
  #closed = false;

  /**
   * @param {string} name
   * @param {number} version
   * @param {(database: IDBDatabase, from: number) => void} upgrade makes stores that `from` lacks
   */
  constructor(name, version, upgrade) {
    this.#name = name;
    this.#version = version;
    this.#upgrade = upgrade;
  }

  /**
   * The result of `work`, once what it wrote is durable. Inside of it only requests of this
   * transaction may be awaited.
   * @template T
   * @param {string[]} stores
   * @param {(transaction: IDBTransaction) => Promise<T>} work
   * @returns {Promise<T>}
   * @throws {EngineError} 'storage_full': nothing of it was written
   */
  async write(stores, work) {
    return this.#run(stores, 'readwrite', work);
  }

  /**
   * @template T
   * @param {string[]} stores
   * @param {(transaction: IDBTransaction) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async read(stores, work) {
    return this.#run(stores, 'readonly', work);
  }

  /** What is under way ends; nothing begins any more. */
  async close() {
    this.#closed = true;
    const opened = this.#opened;
    this.#opened = null;
    (await opened?.catch(() => null))?.close();
  }

  /** Forget all of it. */
  async erase() {
    await this.close();
    await asked(indexedDB.deleteDatabase(this.#name));
  }

  /**
   * @template T
   * @param {string[]} stores
   * @param {'readonly' | 'readwrite'} mode
   * @param {(transaction: IDBTransaction) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async #run(stores, mode, work) {
    const transaction = await this.#begin(stores, mode);
    const over = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(ofStorage(transaction.error ?? new Error('aborted')));
    });
    try {
      const result = await work(transaction);
      await over;
      return result;
    } catch (error) {
      try {
        transaction.abort();
      } catch {
        // It is over already.
      }
      // Where the disk is full, why it ended says more than which request ended with it.
      const end = await over.catch((reason) => reason);
      throw end instanceof EngineError ? end : ofStorage(error);
    }
  }

  /**
   * Systems close databases of apps that rest: then it is opened anew, once.
   * @param {string[]} stores
   * @param {'readonly' | 'readwrite'} mode
   */
  async #begin(stores, mode) {
    /** @type {IDBTransactionOptions} */
    const options = { durability: mode === 'readwrite' ? 'strict' : 'default' };
    const opened = await this.#open();
    try {
      return opened.transaction(stores, mode, options);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'InvalidStateError')) throw error;
      this.#opened = null;
      return (await this.#open()).transaction(stores, mode, options);
    }
  }

  #open() {
    if (this.#closed) return Promise.reject(new Error('closed'));
    this.#opened ??= this.#connect().catch((error) => {
      this.#opened = null;
      throw ofStorage(error);
    });
    return this.#opened;
  }

  async #connect() {
    const database = await this.#found();
    database.onclose = () => (this.#opened = null);
    database.onversionchange = () => {
      database.close();
      this.#opened = null;
    };
    return database;
  }

  /** A later app only adds stores: after it was taken back, and in other tabs, the rest is as good. */
  #found() {
    const request = indexedDB.open(this.#name, this.#version);
    request.onupgradeneeded = (event) => this.#upgrade(request.result, event.oldVersion);
    return asked(request).catch((error) => {
      if (error?.name !== 'VersionError') throw error;
      return asked(indexedDB.open(this.#name));
    });
  }
}
