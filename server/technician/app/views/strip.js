/** The status strip: is there a network, how much waits, when was the last sync. */

import { h, icon } from './dom.js';
import { QUEUE } from './routes.js';
import { _, ngettext } from './texts.js';
import { ago } from './times.js';

/** @param {import('./shell.js').Shell} shell */
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

function waitingOf(status) {
  return status.waiting + status.held;
}

function waitingWords(status) {
  const waiting = waitingOf(status);
  if (!waiting) return _('nothing waits');
  return ngettext('{count} waits', '{count} wait', waiting);
}

function syncWords(shell) {
  const { status } = shell.engine;
  if (status.problem === 'signed_out') return _('not enrolled');
  if (status.firstSync) return _('first sync');
  if (status.lastSync === null) return _('never synced');
  return _('synced {when}', { when: ago(status.lastSync, Date.now()) });
}

/**
 * What changed that one should hear of: the network, and that all is sent.
 * @param {import('../engine/engine.js').Engine} engine
 * @param {{online: boolean, waiting: number, refused: number, out: boolean} | null} before
 */
export function news({ session, status }, before) {
  const { online, refused, problem } = status;
  const seen = { online, waiting: waitingOf(status), refused, out: problem === 'signed_out' };
  const text = session && before ? newsOf(before, seen) : '';
  return { seen, text };
}

function newsOf(before, seen) {
  if (seen.out && !before.out) return _('This device is no longer enrolled.');
  if (seen.refused > before.refused) return _('A step was refused. The queue says why.');
  if (before.online && !seen.online) return _('Offline. All that you do is kept on this device.');
  if (!before.online && seen.online) return _('Online again.');
  if (before.waiting && !seen.waiting && seen.online) return _('All is sent.');
  return '';
}
