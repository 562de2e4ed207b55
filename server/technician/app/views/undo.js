/** Ten seconds in which a mis-tap can be taken back, wherever one goes meanwhile. */

import { h } from './dom.js';
import { _, named, ngettext } from './texts.js';

/**
 * @import { QueueItem, StateShown } from '../engine/reading.js'
 *
 * @typedef {QueueItem & {undoUntil: number}} Offer a held item
 */

export class Undoing {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #fresh = false;

  /** @param {import('./shell.js').Shell} shell */
  constructor(shell) {
    this.shell = shell;
  }

  /** Tell that something was just recorded. @param {StateShown} state that it leads to */
  offer(state) {
    this.#fresh = true;
    this.shell.say(
      _('{state} is recorded. You can undo it for ten seconds.', { state: named(state) }),
    );
  }

  /** Whether the focus belongs on the button: once after each offer. */
  takesFocus() {
    const fresh = this.#fresh;
    this.#fresh = false;
    return fresh;
  }

  /** The bar for what was recorded last, whichever tab did so; null where nothing can be undone. */
  async bar() {
    const now = Date.now();
    const offer = await this.#last(now);
    clearTimeout(this.#timer);
    if (!offer) return null;
    this.#timer = setTimeout(() => this.shell.refresh(), 1000);
    const seconds = Math.ceil((offer.undoUntil - now) / 1000);
    return h(
      'section',
      { class: 'undo', key: 'undo', 'aria-label': _('Undo') },
      h(
        'p',
        {},
        h('b', {}, `${offer.state.code} ${named(offer.state)}`),
        offer.task !== this.shell.place.task && h('span', { class: 'hint' }, offer.taskTitle),
        h('span', {}, ngettext('{count} second to undo', '{count} seconds to undo', seconds)),
      ),
      h(
        'button',
        {
          class: 'button second',
          type: 'button',
          disabled: this.shell.busy,
          onclick: () => this.undo(offer),
        },
        _('Undo {code}', { code: offer.state.code }),
      ),
    );
  }

  /**
   * @param {number} now
   * @returns {Promise<Offer | null>}
   */
  async #last(now) {
    // What was just recorded is not counted yet.
    if (!this.#fresh && !this.shell.engine.status.held) return null;
    const items = await this.shell.engine.queue();
    const held = items.find((item) => item.undoUntil !== null && now < item.undoUntil);
    return /** @type {Offer | undefined} */ (held) ?? null;
  }

  /** Take back a step, or say that it is too late. @param {QueueItem} item */
  async undo({ id, state }) {
    if (await this.shell.engine.undo(id)) {
      this.shell.say(_('{state}: undone', { state: `${state.code} ${named(state)}` }));
      await this.shell.refresh();
    } else {
      await this.shell.complain(
        _(
          'Too late to undo: it is on its way. Choose another state to correct it; both stay in the history.',
        ),
      );
    }
  }
}
