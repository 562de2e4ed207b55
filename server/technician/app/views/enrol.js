/** A code makes this device a technician's: typed as dispatch reads it out, or from a link. */

import { codeOf } from '../engine/errors.js';
import { h } from './dom.js';
import { LIST } from './routes.js';
import { _, ngettext } from './texts.js';

const LENGTH = 16;
const GROUP = 4;
/**
 * @import { FieldEvent } from './dom.js'
 * @import { Page, Shell } from './shell.js'
 */

/** @type {Record<string, string>} */
const LOOKALIKES = { O: '0', I: '1', L: '1' };

let typed = '';
let fault = '';
let busy = false;
/** Whether this page has enrolled the device. */
let made = false;

/** The page was left: what it said is over. */
export function forgetEnrolment() {
  made = false;
  fault = '';
}

/** @param {Shell} shell @returns {Promise<Page>} */
export async function enrol(shell) {
  if (shell.place.code) {
    typed = grouped(shell.place.code);
    // A code in the address would be enrolled with again by whoever opens the history.
    history.replaceState(null, '', '#/enrol');
  }
  if (made && shell.engine.session) return welcome(shell.engine.session);
  return {
    title: _('Enrol this device'),
    content: [present(shell), others(shell), form(shell)],
  };
}

/** @param {import('../engine/engine.js').Session} session @returns {Page} */
function welcome({ name, account }) {
  return {
    title: name ? _('This device is {name}’s', { name }) : _('This device is enrolled'),
    content: [
      h(
        'p',
        {},
        account ? _('You work for {account}.', { account }) : _('Asking the server who you are…'),
      ),
      h(
        'p',
        {},
        isSecureContext
          ? _(
              'Your tasks come by themselves and stay here without a network. ' +
                'Add this page to the home screen to keep it at hand.',
            )
          : _('Your tasks come by themselves.'),
      ),
      h('a', { class: 'button wide', href: LIST }, _('To my tasks')),
    ],
  };
}

/** Who is signed in while somebody else enrols. @param {Shell} shell */
function present({ engine }) {
  const { session, status } = engine;
  if (!session || status.problem === 'signed_out') return null;
  const waiting = status.waiting + status.held + status.unread;
  const name = session.name || session.deviceName;
  return h(
    'div',
    { class: 'notice caution', key: 'present' },
    h('p', {}, _('{name} is signed in on this device.', { name })),
    waiting > 0 &&
      h(
        'p',
        {},
        ngettext(
          '{count} step waits and stays under this name.',
          '{count} steps wait and stay under this name.',
          waiting,
        ),
      ),
    h('p', {}, _('A new code signs somebody else in.')),
  );
}

/** Work of others on this device is told, not sent under another name. @param {Shell} shell */
function others(shell) {
  const { others: found } = shell.engine;
  if (!found.length) return null;
  return h(
    'section',
    { class: 'card', key: 'others' },
    h('h2', {}, _('Others’ work on this device')),
    ...found.map((one) => other(shell, one)),
  );
}

/**
 * @param {Shell} shell
 * @param {Shell['engine']['others'][number]} enrolment
 */
function other(shell, { device, name, waiting }) {
  const onclick = async () => {
    await shell.engine.resume(device);
    await shell.go(LIST);
  };
  return h(
    'div',
    { key: device, class: 'other' },
    h(
      'p',
      {},
      ngettext(
        '{count} step of {name} waits: it is sent when {name} signs in.',
        '{count} steps of {name} wait: they are sent when {name} signs in.',
        waiting,
        { name },
      ),
    ),
    h('button', { class: 'button second', type: 'button', onclick }, _('I am {name}', { name })),
  );
}

/** @param {Shell} shell */
function form(shell) {
  return h(
    'form',
    { class: 'step', novalidate: true, key: 'form', onsubmit: (/** @type {Submission} */ event) => submit(event, shell) },
    fault && h('div', { class: 'notice error', role: 'alert', key: 'fault' }, h('p', {}, fault)),
    h(
      'div',
      { class: 'field' },
      h('label', { for: 'code' }, _('Code')),
      h(
        'p',
        { class: 'hint', id: 'code-hint' },
        _('Dispatch gives it to you: 16 letters and digits, good for ten minutes.'),
      ),
      h('input', {
        id: 'code',
        class: 'code',
        type: 'text',
        inputmode: 'text',
        autocomplete: 'one-time-code',
        autocapitalize: 'characters',
        spellcheck: 'false',
        placeholder: 'XXXX-XXXX-XXXX-XXXX',
        'aria-describedby': 'code-hint',
        'aria-invalid': fault ? 'true' : null,
        value: typed,
        oninput: regroup,
      }),
    ),
    h(
      'div',
      { class: 'field' },
      h('label', { for: 'device' }, _('Name of this device')),
      h('p', { class: 'hint', id: 'device-hint' }, _('How dispatch tells your devices apart.')),
      h('input', {
        id: 'device',
        type: 'text',
        maxlength: 100,
        'aria-describedby': 'device-hint',
        value: deviceName(),
      }),
    ),
    h(
      'button',
      { class: 'button wide', type: 'submit', disabled: busy },
      busy ? _('Enrolling…') : _('Enrol'),
    ),
  );
}

/** The code as it is read best, whatever was typed between its letters. @param {string} text */
function grouped(text) {
  const plain = text.toUpperCase().replace(/[^0-9A-Z]/g, '');
  const letters = plain.replace(/[OIL]/g, (one) => LOOKALIKES[one]);
  const groups = letters.slice(0, LENGTH).match(new RegExp(`.{1,${GROUP}}`, 'g'));
  return (groups ?? []).join('-');
}

/** @param {FieldEvent} event */
function regroup({ target }) {
  const atEnd = target.selectionStart === target.value.length;
  typed = grouped(target.value);
  // Someone who corrects in the middle must not be thrown to the end.
  if (atEnd) target.value = typed;
}

/**
 * @typedef {HTMLFormControlsCollection & Record<'code' | 'device', HTMLInputElement>} Fields
 * @typedef {Event & {target: HTMLFormElement & {elements: Fields}}} Submission
 */

/** @param {Submission} event @param {Shell} shell */
async function submit(event, shell) {
  event.preventDefault();
  const fields = event.target.elements;
  typed = grouped(fields.code.value);
  fields.code.value = typed;
  fault = '';
  if (typed.replaceAll('-', '').length < LENGTH) return refuse(shell, 'short');
  busy = true;
  shell.refresh();
  try {
    await shell.engine.enrol(typed, fields.device.value.trim() || deviceName());
    typed = '';
    made = true;
    busy = false;
    await shell.refresh();
  } catch (error) {
    busy = false;
    await refuse(shell, codeOf(error) ?? '');
  }
}

/** @param {Shell} shell @param {string} code */
async function refuse(shell, code) {
  /** @type {Record<string, string>} */
  const words = {
    short: _('The code is not complete: it has 16 letters and digits.'),
    bad_code: _(
      'This code is wrong, used or older than ten minutes. ' +
        'Check it, or ask dispatch for a new one.',
    ),
    offline: _('No network. Enrolling needs one, once; the code is kept in the form.'),
    throttled: _('Too many attempts. Wait a minute, then try again.'),
    storage_full: _(
      'This device is full, so it cannot keep your tasks. ' +
        'Free some space, then enrol; the code is still good.',
    ),
    server: _('The server has a problem. Try again in a minute; the code may still be good.'),
  };
  fault = words[code] ?? _('Enrolling did not work. Try it again, or ask dispatch for a new code.');
  await shell.refresh();
  document.getElementById('code')?.focus();
}

function deviceName() {
  const agent = navigator.userAgent;
  if (/iPad/.test(agent)) return 'iPad';
  if (/iPhone/.test(agent)) return 'iPhone';
  if (/Android/.test(agent)) return /Mobile/.test(agent) ? _('Android phone') : _('Android tablet');
  return _('Computer');
}
