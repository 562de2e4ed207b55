/** The page instead of one that could not be made: words and a way on, never nothing. */

import { codeOf } from '../engine/errors.js';
import { h } from './dom.js';
import { _ } from './texts.js';

/** The failure shown last, while nothing has been shown since. */
let before = '';

/** Something could be shown. */
export function forgetFailure() {
  before = '';
}

/**
 * @param {import('./shell.js').Shell} shell
 * @param {unknown} error
 * @returns {import('./shell.js').Page}
 */
export function failure(shell, error) {
  const said = String(error);
  if (said !== before) console.error(error);
  before = said;
  const onclick = async () => {
    await shell.refresh();
    // A browser may remember that a file did not come: only loading the page forgets that.
    if (before === said && (await isReachable())) location.reload();
  };
  const why =
    codeOf(error) === 'incomplete'
      ? _('A part of the app has not arrived yet: it needs a network, once.')
      : _('Something in it did not work on this device.');
  return {
    title: _('This page cannot be shown'),
    content: [
      h('p', {}, why),
      h('p', {}, _('What you recorded is not touched by this.')),
      h('button', { class: 'button wide', type: 'button', onclick }, _('Try again')),
    ],
  };
}

/** Whether the app itself could be loaded now: without a network, what is shown is better kept. */
async function isReachable() {
  try {
    return (await fetch(location.pathname, { method: 'HEAD', cache: 'no-store' })).ok;
  } catch {
    return false;
  }
}
