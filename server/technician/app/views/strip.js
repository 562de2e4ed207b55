/** The status strip: is there a network, how much waits, when was the last sync. */

import { h, icon } from './dom.js';
import { QUEUE } from './routes.js';
import { _, ngettext } from './texts.js';
import { ago } from './times.js';

/**
 * @import { Engine, Status } from '../engine/engine.js'
 * @import { Shell } from './shell.js'
 *
 * @typedef {object} Seen what was last told of
 * @property {boolean} online
 * @property {number} waiting
 * @property {number} refused
 * @property {boolean} out whether the device is not enrolled any more
 */

/** @param {Shell} shell */
export function strip(shell) {
  const { session, status } = shell.engine;
  const net = h(
    'span',
    { class: status.online ? 'net' : 'net off' },
    icon(status.online ? 'cloud' : 'off'),
    status.online ? _('Online') : _('Offline'),
  );
  if (!session) return h('p', { class: 'strip' }, h('b', {}, 'Retour'), net);
  return h(
    'a',
    { class: 'strip', href: QUEUE },
    net,
    h('span', { class: waitingOf(status) ? 'count some' : 'count' }, waitingWords(status)),
    h('span', { class: 'sync' }, syncWords(shell)),
    h('span', { class: 'hidden' }, _('Open the queue')),
  );
}

/** @param {Status} status */
function waitingOf(status) {
  return status.waiting + status.held;
}

/** @param {Status} status */
function waitingWords(status) {
  const waiting = waitingOf(status);
  if (!waiting) return _('nothing waits');
  return ngettext('{count} waits', '{count} wait', waiting);
}

/** @param {Shell} shell */
function syncWords(shell) {
  const { status } = shell.engine;
  if (status.problem === 'signed_out') return _('not enrolled');
  if (status.firstSync) return _('first sync');
  if (status.lastSync === null) return _('never synced');
  return _('synced {when}', { when: ago(status.lastSync, Date.now()) });
}

/**
 * What changed that one should hear of: the network, and that all is sent.
 * @param {Engine} engine
 * @param {Seen | null} before
 * @returns {{seen: Seen, text: string}} text: what to say, or empty
 */
export function news({ session, status }, before) {
  const { online, refused, problem } = status;
  const seen = { online, waiting: waitingOf(status), refused, out: problem === 'signed_out' };
  const text = session && before ? newsOf(before, seen) : '';
  return { seen, text };
}

/** @param {Seen} before @param {Seen} seen */
function newsOf(before, seen) {
  if (seen.out && !before.out) return _('This device is no longer enrolled.');
  if (seen.refused > before.refused) return _('A step was refused. The queue says why.');
  if (before.online && !seen.online) return _('Offline. All that you do is kept on this device.');
  if (!before.online && seen.online) return _('Online again.');
  if (before.waiting && !seen.waiting && seen.online) return _('All is sent.');
  return '';
}
