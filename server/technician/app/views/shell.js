/** Around every page: status strip, problems, what can be undone, where else one may go. */

import { arrived } from '../engine/errors.js';
import { FAILED, h, patch } from './dom.js';
import { enrol, forgetEnrolment } from './enrol.js';
import { failure, forgetFailure } from './failure.js';
import { offerInstall } from './install.js';
import { problems, wordsOf } from './problems.js';
import { ENROL, placeOf } from './routes.js';
import { news, strip } from './strip.js';
import { tabs } from './tabs.js';
import { _, isMute, speak } from './texts.js';
import { usableZone } from './times.js';
import { Undoing } from './undo.js';

/**
 * @import { Engine } from '../engine/engine.js'
 * @import { StateShown } from '../engine/reading.js'
 * @import { Order } from '../engine/store.js'
 * @import { Child, FieldEvent } from './dom.js'
 * @import { Place } from './routes.js'
 *
 * @typedef {(shell: Shell) => Promise<Page>} View
 */

/**
 * Loads the view of each page; the first one of a new device comes with the shell.
 * @type {Record<Place['page'] | 'signedOut', () => Promise<View>>}
 */
const VIEWS = {
  enrol: async () => enrol,
  list: async () => (await import('./list.js')).list,
  me: async () => (await import('./me.js')).me,
  other: async () => (await import('./other.js')).other,
  queue: async () => (await import('./queue.js')).queue,
  signedOut: async () => (await import('./signed_out.js')).signedOut,
  step: async () => (await import('./step.js')).step,
  task: async () => (await import('./task.js')).task,
};
/** What a device shows as long as it is enrolled. */
const OF_TASKS = ['list', 'other', 'step', 'task'];
/** Milliseconds in which a second tap of the same finger does nothing. */
const ONE_TAP = 500;
/** Milliseconds between looks at relative times. */
const TICK = 20_000;

/**
 * @typedef {object} Page what a view shows
 * @property {string} title
 * @property {Child[]} content below the title
 * @property {Child[]} [over] above it
 * @property {Child[]} [dock] at the thumb; the ways to other pages where there is none
 */

export class Shell {
  #shown = '';
  #rendering = Promise.resolve();
  /** @type {import('./strip.js').Seen | null} */
  #news = null;
  #complaint = '';

  /**
   * @param {Engine} engine
   * @param {HTMLElement} root
   */
  constructor(engine, root) {
    this.engine = engine;
    this.root = root;
    this.busy = false;
    this.recorded = 0;
    this.spoken = engine.session?.language;
    this.undoing = new Undoing(this);
    this.place = placeOf(location.hash);
    this.told = h('div', { class: 'hidden', role: 'status', 'aria-live': 'polite' });
  }

  /** The zone in which times are said; undefined: the phone's own. */
  get zone() {
    return usableZone(this.engine.session?.zone);
  }

  /** Now by the server's clock. */
  get now() {
    return Date.now() + this.engine.status.skew;
  }

  async start() {
    this.root.after(this.told);
    this.engine.addEventListener('change', () => this.#changed());
    addEventListener('hashchange', () => this.refresh());
    addEventListener(FAILED, (event) =>
      this.complain(wordsOf(/** @type {CustomEvent} */ (event).detail, false)),
    );
    offerInstall(() => this.refresh());
    setInterval(() => this.#tick(), TICK);
    await this.refresh();
  }

  /** Have everything here that pages may need: the network may not be there when they do. */
  async loadRest() {
    const loading = [...Object.values(VIEWS).map((load) => load()), this.engine.loadRest()];
    await Promise.allSettled(loading);
  }

  /**
   * Go to another page.
   * @param {string} hash
   * @param {{replace?: boolean}} [options] replace: leaves this page out of the way back
   */
  go(hash, { replace = false } = {}) {
    if (hash === location.hash) return this.refresh();
    if (replace) history.replaceState(null, '', hash);
    else location.hash = hash;
    return this.refresh();
  }

  /** Say something to who does not see it. @param {string} text */
  say(text) {
    this.told.textContent = text;
  }

  /** Tell that something did not work, until the next thing is done. @param {string} text */
  complain(text) {
    this.#complaint = text;
    return this.refresh();
  }

  /**
   * What handles a field of the draft of `task`.
   * @param {string} task its id
   * @param {'note' | 'email' | 'reason'} name
   */
  typing(task, name) {
    return (/** @type {FieldEvent} */ { target }) =>
      this.engine.keepDraft(task, { [name]: target.value });
  }

  /**
   * Record a transition into `state`, and offer to undo it.
   * @param {Order} order
   * @param {StateShown} state
   * @returns {Promise<boolean>} false where it could not be kept; the reason is shown
   */
  async record(order, state) {
    if (this.busy) return false;
    this.busy = true;
    this.#complaint = '';
    try {
      await this.engine.record(order);
      this.recorded += 1;
      this.undoing.offer(state);
      return true;
    } catch (error) {
      this.#complaint = wordsOf(error);
      return false;
    } finally {
      setTimeout(() => this.#rested(), ONE_TAP);
    }
  }

  #rested() {
    this.busy = false;
    this.refresh();
  }

  /** Show what is, one look after the other. */
  refresh() {
    this.#rendering = this.#rendering.then(() => this.#render()).catch(console.error);
    return this.#rendering;
  }

  async #tick() {
    if (isMute()) await speak(this.spoken);
    await this.refresh();
  }

  async #changed() {
    const said = news(this.engine, this.#news);
    this.#news = said.seen;
    if (said.text) this.say(said.text);
    if (this.engine.session && this.engine.session.language !== this.spoken) {
      this.spoken = this.engine.session.language;
      await speak(this.spoken);
    }
    await this.refresh();
  }

  async #render() {
    this.place = this.#allowed(placeOf(location.hash));
    const at = JSON.stringify([this.place.page, this.place.task, this.place.state]);
    const moved = this.#shown !== '' && at !== this.#shown;
    if (at !== this.#shown) this.#left();
    const { page, whole } = await this.#made();
    const focused = document.activeElement;
    patch(this.root, whole);
    document.title = `${page.title} · Retour`;
    this.#shown = at;
    if (moved) scrollTo(0, 0);
    this.#focus(moved, focused);
  }

  /** The page where one is; what cannot be made is told, with a way on. */
  async #made() {
    try {
      const page = await this.#view();
      const whole = this.#whole(page, await this.undoing.bar(), strip(this), problems(this));
      forgetFailure();
      return { page, whole };
    } catch (error) {
      const page = failure(this, error);
      return { page, whole: this.#whole(page) };
    }
  }

  /** @returns {Promise<Page>} */
  async #view() {
    const gone = this.engine.status.problem === 'signed_out' && OF_TASKS.includes(this.place.page);
    const name = gone ? 'signedOut' : this.place.page;
    const view = await arrived(VIEWS[name]());
    return view(this);
  }

  #left() {
    this.#complaint = '';
    if (this.place.page !== 'enrol') forgetEnrolment();
  }

  /** Without a device there is only one thing to do. @param {Place} place */
  #allowed(place) {
    if (this.engine.session || place.page === 'me' || place.page === 'enrol') return place;
    history.replaceState(null, '', ENROL);
    return placeOf(ENROL);
  }

  /**
   * After a move the title is read; what disappeared under the finger leaves the focus near.
   * @param {boolean} moved
   * @param {Element | null} focused
   */
  #focus(moved, focused) {
    // A button that rests after a tap cannot take the focus yet.
    const wanted = this.root.querySelector('.undo button:enabled');
    if (wanted && this.undoing.takesFocus()) {
      return /** @type {HTMLElement} */ (wanted).focus({ preventScroll: true });
    }
    const lost = focused !== document.body && !focused?.isConnected;
    if (moved || lost) {
      /** @type {HTMLElement} */ (this.root.querySelector('h1'))?.focus({ preventScroll: !moved });
    }
    return undefined;
  }

  /**
   * @param {Page} page
   * @param {Child} [bar]
   * @param {Child} [top]
   * @param {Child} [standing]
   */
  #whole(page, bar = null, top = null, standing = null) {
    return h(
      'div',
      {},
      skip(),
      h('header', { class: 'top' }, top),
      h(
        'main',
        { id: 'main', key: this.place.page },
        ...(page.over ?? []),
        standing,
        this.#complaint && complaint(this.#complaint),
        h('h1', { tabindex: -1 }, page.title),
        ...page.content,
      ),
      h('div', { class: 'dock' }, bar, ...(page.dock ?? [tabs(this)])),
    );
  }
}

/** @param {string} text */
function complaint(text) {
  const props = { class: 'notice error', role: 'alert', key: 'complaint' };
  return h('div', props, h('p', {}, text));
}

function skip() {
  const onclick = (/** @type {Event} */ event) => {
    event.preventDefault();
    /** @type {HTMLElement} */ (document.querySelector('h1')).focus();
  };
  return h('a', { class: 'skip', href: '#main', onclick }, _('Skip to the content'));
}
