/** The service worker from the app's side: installed, updated at the start, asked to push later. */

/**
 * Background Sync, which only some browsers have.
 * @typedef {ServiceWorkerRegistration & {sync?: {register(tag: string): Promise<void>}}} WithSync
 */

const WORKER = new URL('../worker.js', import.meta.url);
/** What the worker is asked to do once there is a network, app open or not; it knows the word. */
const PUSH_LATER = 'retour-push';

export class Installed extends EventTarget {
  /** Whether a newer version is complete and waits for its turn. */
  newer = false;
  /** @type {ServiceWorkerRegistration | null} */
  #registration = null;

  /** Install; a version that was complete before this start takes over now. */
  async start() {
    const workers = globalThis.navigator?.serviceWorker;
    if (!workers || !globalThis.document) return;
    try {
      /** @type {RegistrationOptions} */
      const options = { type: 'module', updateViaCache: 'none' };
      this.#registration = await workers.register(WORKER, options);
    } catch {
      return; // Without it the app works as long as there is a network.
    }
    if (this.#registration.waiting && workers.controller) this.#takeOver('start');
    this.#registration.addEventListener('updatefound', () => this.#watch());
    this.#watch();
  }

  /** Look for a newer version now. */
  async look() {
    await this.#registration?.update().catch(() => null);
  }

  /** Start the newer version: the page loads anew. What waits is then pushed by that. */
  update() {
    this.#registration?.active?.postMessage('leave');
    this.#takeOver('now');
  }

  /** Have what waits pushed when there is a network, where the browser can do that. */
  async pushLater() {
    try {
      const registration = /** @type {WithSync | null} */ (this.#registration);
      await registration?.sync?.register(PUSH_LATER);
    } catch {
      // Not allowed here: the app pushes when it is open.
    }
  }

  #watch() {
    const coming = this.#registration?.installing;
    coming?.addEventListener('statechange', () => {
      this.newer = Boolean(this.#registration?.waiting && navigator.serviceWorker.controller);
      if (this.newer) this.dispatchEvent(new Event('change'));
    });
  }

  /** @param {'start' | 'now'} when */
  #takeOver(when) {
    const reload = () => globalThis.location.reload();
    navigator.serviceWorker.addEventListener('controllerchange', reload, { once: true });
    this.#registration?.waiting?.postMessage(when);
  }
}
