/** Ten seconds in which a mis-tap can be taken back, wherever one goes meanwhile. */

import { h } from './dom.js';
import { _, named, ngettext } from './texts.js';

export class Undoing {
  /** @type {{id: string, undoUntil: number, state: any, title: string, task: string}[]} the newest last */
  #offers = [];
  #timer;
  #fresh = false;

  /** @param {import('./shell.js').Shell} shell */
  constructor(shell) {
    this.shell = shell;
  }

  /** @param {{id: string, undoUntil: number, state: any, title: string, task: string}} offer */
  offer(offer) {
    this.#offers.push(offer);
    this.#fresh = true;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.shell.refresh(), 1000);
    const state = named(offer.state);
    this.shell.say(_('{state} is recorded. You can undo it for ten seconds.', { state }));
  }

  /** Whether the focus belongs on the button: once after each offer. */
  takesFocus() {
    const fresh = this.#fresh;
    this.#fresh = false;
    return fresh;
  }

  /** The bar, or null where nothing can be undone. */
  bar() {
    const now = Date.now();
    this.#offers = this.#offers.filter((offer) => now < offer.undoUntil);
    const offer = this.#offers[this.#offers.length - 1];
    if (!offer) {
      clearInterval(this.#timer);
      return null;
    }
    const seconds = Math.ceil((offer.undoUntil - now) / 1000);
    return h(
      'section',
      { class: 'undo', key: 'undo', 'aria-label': _('Undo') },
      h(
        'p',
        {},
        h('b', {}, `${offer.state.code} ${named(offer.state)}`),
        offer.task !== this.shell.place.task && h('span', { class: 'hint' }, offer.title),
        h('span', {}, ngettext('{count} second to undo', '{count} seconds to undo', seconds)),
      ),
      h('button', { class: 'button second', type: 'button', disabled: this.shell.busy, onclick: () => this.#undo(offer) }, _('Undo')),
    );
  }

  async #undo(offer) {
    this.#offers = this.#offers.filter((one) => one.id !== offer.id);
    const done = await this.shell.engine.undo(offer.id);
    const state = named(offer.state);
    if (done) {
      this.shell.say(_('{state} is undone. Nothing was sent.', { state }));
      await this.shell.refresh();
    } else {
      await this.shell.complain(
        _('Too late to undo: it is on its way. Choose another state to correct it; both stay in the history.'),
      );
    }
  }
}
