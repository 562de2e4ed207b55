/** The status strip: is there a network, how much waits, when was the last sync. */

import { h, icon } from './dom.js';
import { QUEUE } from './routes.js';
import { _, ngettext } from './texts.js';
import { ago } from './times.js';

/**
 * @import { Engine, Status } from '../engine/engine.js'
 * @import { IconName } from './dom.js'
 * @import { Tone } from './parts.js'
 * @import { Shell } from './shell.js'
 *
 * @typedef {object} Seen what was last told of
 * @property {boolean} online
 * @property {number} waiting
 * @property {number} refused
 * @property {number} settled
 * @property {boolean} out whether the device is not enrolled any more
 */

/** @param {Shell} shell */
export function strip(shell) {
  const { session, status } = shell.engine;
  if (!session) return h('p', { class: 'strip' }, h('b', {}, 'Retour'), contact(status));
  return h(
    'a',
    { class: 'strip', href: QUEUE },
    contact(status),
    h('span', { class: waitingOf(status) ? 'count some' : 'count' }, waitingWords(status)),
    isStopped(status) ? null : lastSync(status),
    h('span', { class: 'hidden' }, _('Open the queue')),
  );
}

/** Whether nothing is sent or comes before somebody does something. @param {Status} status */
export function isStopped({ problem }) {
  return problem === 'signed_out' || problem === 'old_app';
}

/** Whether the server is heard, and listens: a network alone is of no use. @param {Status} status */
function contact({ problem, online }) {
  if (problem === 'signed_out') return standing('negative', 'alert', _('Not enrolled'));
  if (problem === 'old_app') return standing('negative', 'alert', _('App too old'));
  return online
    ? standing('positive', 'cloud', _('Online'))
    : standing('caution', 'off', _('Offline'));
}

/**
 * @param {Tone} tone
 * @param {IconName} name
 * @param {string} words
 */
function standing(tone, name, words) {
  return h('span', { class: `net ${tone}` }, icon(name), words);
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

/** @param {Status} status */
function lastSync(status) {
  if (status.firstSync) return h('span', { class: 'sync' }, _('first sync'));
  if (status.lastSync === null) return null;
  return h(
    'span',
    { class: 'sync' },
    h('span', { class: 'hidden' }, _('last sync:'), ' '),
    ago(status.lastSync, Date.now()),
  );
}

/**
 * What changed that one should hear of: the network, and that all is sent.
 * @param {Engine} engine
 * @param {Seen | null} before
 * @returns {{seen: Seen, text: string}} text: what to say, or empty
 */
export function news({ session, status }, before) {
  const { online, refused, settled, problem } = status;
  const out = problem === 'signed_out';
  const seen = { online, waiting: waitingOf(status), refused, settled, out };
  const text = session && before ? newsOf(before, seen) : '';
  return { seen, text };
}

/** @param {Seen} before @param {Seen} seen */
function newsOf(before, seen) {
  if (seen.out) return before.out ? '' : _('This device is no longer enrolled.');
  if (seen.refused > before.refused) return _('A step was refused. The queue says why.');
  if (before.online && !seen.online) return _('Offline. All that you do is kept on this device.');
  if (!before.online && seen.online) return _('Online again.');
  const sent = seen.settled > before.settled;
  if (before.waiting && !seen.waiting && sent) return _('All is sent.');
  return '';
}
