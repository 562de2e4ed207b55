/** What is wrong, what was kept, what to do. */

import { codeOf } from '../engine/errors.js';
import { h } from './dom.js';
import { ENROL } from './routes.js';
import { _, ngettext } from './texts.js';
import { lasting } from './times.js';

/**
 * @import { Status } from '../engine/engine.js'
 * @import { Child } from './dom.js'
 * @import { Shell } from './shell.js'
 */

/** Milliseconds by which a clock may be wrong before it is worth a word. */
const WRONG_CLOCK = 120_000;

/**
 * What went wrong with something that was just tried.
 * @param {unknown} error
 * @param {boolean} [recording] whether a step was to be recorded
 */
export function wordsOf(error, recording = true) {
  /** @type {Record<string, string>} */
  const words = {
    storage_full: _(
      'This device is full: the step was not recorded. Free some space, then do it again. ' +
        'What was recorded before is kept.',
    ),
    unknown_task: _(
      'This task is no longer on this device, so nothing was recorded. Call dispatch.',
    ),
    unknown_state: _('This state no longer exists, so nothing was recorded. Choose another one.'),
    bad_email: _('This is not an e-mail address. Check it: name@example.com.'),
    bad_note: _('This note is too long: at most 4,000 characters.'),
    bad_reason: _('This reason is too long: at most 200 characters.'),
    no_session: _('Nobody is signed in on this device, so nothing was recorded.'),
    offline: _('No network. Try again when there is one.'),
    incomplete: _('A part of the app has not arrived yet: it needs a network, once.'),
    server: _('The server has a problem. What waits is kept; it is tried again by itself.'),
  };
  const known = words[codeOf(error) ?? ''];
  if (known) return known;
  console.error(error);
  return recording
    ? _('That did not work, and nothing was recorded. Try it again.')
    : _('That did not work. Try it again.');
}

/** Standing problems of this device, above every page. @param {Shell} shell */
export function problems(shell) {
  const { session, status } = shell.engine;
  const found = [
    ...(session ? [problemOf(shell), clockOf(status)] : []),
    session && status.firstSync && first(status.firstSync),
    session && status.newer && newer(shell),
    !isSecureContext && insecure(),
  ].filter(Boolean);
  return found.length ? h('div', { class: 'problems', key: 'problems' }, ...found) : null;
}

/** @param {Shell} shell */
function problemOf({ engine: { status }, place }) {
  const count = status.waiting + status.held + status.unread;
  const kept =
    count > 0 &&
    ngettext(
      '{count} step is kept on this device.',
      '{count} steps are kept on this device.',
      count,
    );
  switch (status.problem) {
    case 'signed_out':
      return notice(
        'error',
        _('This device is no longer enrolled.'),
        kept,
        count > 0
          ? _('Ask dispatch for a code and enrol again: they will then be sent.')
          : _('Ask dispatch for a code and enrol again.'),
        place.page !== 'enrol' && h('a', { class: 'touch', href: ENROL }, _('Enrol again')),
      );
    case 'old_app':
      return notice(
        'error',
        _('This app is too old for the server.'),
        kept,
        _('Connect to a network, close the app and open it again: it updates by itself.'),
      );
    case 'storage_full':
      return notice(
        'error',
        _('This device is full.'),
        kept,
        _('Free some space: remove photos or apps. New steps cannot be recorded until then.'),
      );
    case 'server':
      return notice(
        'caution',
        _('The server has a problem.'),
        kept,
        _('It is tried again by itself.'),
      );
    default:
      return null;
  }
}

/** @param {Status} status */
function clockOf({ skew }) {
  if (Math.abs(skew) <= WRONG_CLOCK) return null;
  const off = lasting(Math.abs(skew));
  const what =
    skew > 0
      ? _('The clock of this device is {off} slow.', { off })
      : _('The clock of this device is {off} fast.', { off });
  return notice('caution', what, _('Times are corrected. Set the clock to automatic.'));
}

/** @param {{done: number}} progress */
function first({ done }) {
  const arrived = ngettext('{count} task is here.', '{count} tasks are here.', done);
  return notice(
    '',
    _('First sync: your tasks are arriving.'),
    arrived,
    _('Stay connected until it is complete.'),
  );
}

/** Browsers keep an app, and what it stores for good, only from an address that nobody can fake. */
function insecure() {
  return notice(
    'caution',
    _('This address begins with http: the app opens only with a network.'),
    _('Ask dispatch for the address that begins with https, and enrol there.'),
  );
}

/** @param {Shell} shell */
function newer(shell) {
  const onclick = () => shell.engine.update();
  return notice(
    '',
    _('A new version of the app is ready.'),
    h('button', { class: 'button second', type: 'button', onclick }, _('Start it')),
  );
}

/**
 * @param {'error' | 'caution' | ''} tone
 * @param {string} what
 * @param {...(Node | string | false)} more
 */
function notice(tone, what, ...more) {
  return h(
    'div',
    { class: `notice ${tone}` },
    h('p', {}, h('b', {}, what)),
    ...more.filter(Boolean).map((part) => (typeof part === 'string' ? h('p', {}, part) : part)),
  );
}
