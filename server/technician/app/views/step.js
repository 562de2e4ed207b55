/** Before a step that may ask somebody: who, at which address; a note; confirm. */

import { usableAddress } from '../engine/address.js';
import { h } from './dom.js';
import { back, fault } from './parts.js';
import { taskAt } from './routes.js';
import { asked, gone, perhaps } from './task.js';
import { _, named } from './texts.js';
import { unticking, whyOf } from './untick.js';

/**
 * @import { Asked } from '../engine/asks.js'
 * @import { StateShown, TaskPage } from '../engine/reading.js'
 * @import { Draft } from '../engine/store.js'
 * @import { Fault } from './parts.js'
 * @import { Page, Shell } from './shell.js'
 *
 * @typedef {object} Filled the form as far as it is filled in
 * @property {TaskPage} task
 * @property {StateShown} state
 * @property {Asked[]} asks
 * @property {Draft} draft
 *
 * @typedef {Filled & {faults: Fault[]}} Form
 */

/** The place whose form was sent with faults: there they are shown until they are mended. */
let refused = '';

/** @param {Shell} shell @returns {Promise<Page>} */
export async function step(shell) {
  const { task: id = '', state: code = '' } = shell.place;
  const task = await shell.engine.task(id);
  if (!task) return gone(shell);
  const state = [...task.next, ...task.other, task.state].find((one) => one.code === code);
  if (!state) return gone(shell);
  const draft = await shell.engine.draft(id);
  const typed = usableAddress(draft.email);
  const asks = await shell.engine.asks(id, code, typed);
  const filled = { task, state, asks, draft };
  const form = { ...filled, faults: refused === location.hash ? faultsOf(filled) : [] };
  return {
    title: `${state.code} ${named(state)}`,
    over: [back(taskAt(id), task.title)],
    content: [
      summary(form.faults),
      h(
        'form',
        {
          class: 'step',
          id: 'step',
          novalidate: true,
          key: 'step',
          onsubmit: (/** @type {Event} */ event) => confirm(event, shell, form),
        },
        whom(form),
        wantsAddress(form) && address(shell, form),
        unticking(shell, form),
        note(shell, form),
      ),
    ],
    dock: [
      h(
        'section',
        { class: 'moves', 'aria-label': _('Confirm'), key: 'confirm' },
        h(
          'button',
          { class: 'button move likely', form: 'step', type: 'submit', disabled: shell.busy },
          _('Confirm {state}', { state: `${state.code} ${named(state)}` }),
        ),
      ),
    ],
  };
}

/** @param {Fault[]} faults */
function summary(faults) {
  if (!faults.length) return null;
  const links = faults.map(({ field, text }) =>
    h('li', {}, h('a', { href: `#${field}`, class: 'touch', onclick: toField(field) }, text)),
  );
  return h(
    'div',
    { class: 'notice error', role: 'alert', key: 'faults' },
    h('p', {}, h('b', {}, _('Nothing is recorded yet'))),
    h('ul', {}, ...links),
  );
}

/** @param {string} field */
function toField(field) {
  return (/** @type {Event} */ event) => {
    event.preventDefault();
    document.getElementById(field)?.focus();
  };
}

/** @param {Form} form */
function whom({ asks, state, draft }) {
  if (!asks.length) {
    const words =
      state.kind === 'cancelled'
        ? _('The task will be called off, and nobody asked.')
        : _('Nobody will be asked.');
    return h('p', { key: 'whom' }, words);
  }
  return h(
    'section',
    { class: 'card', key: 'whom', 'aria-live': 'polite' },
    h('h2', {}, _('Who may be asked')),
    h(
      'ul',
      { class: 'whom' },
      ...asks.map((ask) =>
        h(
          'li',
          { key: ask.campaign },
          h('p', {}, ask.name),
          ...(draft.unticked && ask.mayUntick && !ask.already
            ? [ask.unsure && perhaps(), h('p', {}, _('Nobody: you chose no survey.'))]
            : asked(ask)),
        ),
      ),
    ),
  );
}

/**
 * The address is asked for where it is missing and somebody would be asked at it.
 * @param {Filled} form
 */
function wantsAddress({ task, asks, draft }) {
  return (
    task.emailMissing && asks.some((ask) => !ask.already && !(draft.unticked && ask.mayUntick))
  );
}

function optional() {
  return h('span', { class: 'hint' }, _('(optional)'));
}

/** @param {Shell} shell @param {Form} form */
function address(shell, { task, draft, faults }) {
  return h(
    'div',
    { class: 'field', key: 'email' },
    h(
      'label',
      { for: 'email' },
      _('E-mail of {customer}', { customer: task.customer?.name ?? '' }),
      ' ',
      optional(),
    ),
    h(
      'p',
      { class: 'hint', id: 'email-hint' },
      _('It becomes the customer’s address, for this survey and for later ones.'),
    ),
    fault(faults, 'email'),
    h('input', {
      id: 'email',
      type: 'email',
      inputmode: 'email',
      autocomplete: 'off',
      autocapitalize: 'none',
      spellcheck: 'false',
      'aria-describedby': 'email-hint email-fault',
      'aria-invalid': faults.some((one) => one.field === 'email') ? 'true' : null,
      value: draft.email,
      oninput: shell.typing(task.id, 'email'),
      onchange: () => shell.refresh(),
    }),
  );
}

/** @param {Shell} shell @param {Form} form */
function note(shell, { task, draft }) {
  const oninput = shell.typing(task.id, 'note');
  return h(
    'div',
    { class: 'field', key: 'note' },
    h('label', { for: 'note' }, _('Note'), ' ', optional()),
    h('p', { class: 'hint', id: 'note-hint' }, _('Dispatch reads it, the customer does not.')),
    h(
      'textarea',
      { id: 'note', rows: 3, maxlength: 4000, 'aria-describedby': 'note-hint', oninput },
      draft.note,
    ),
  );
}

/** @param {Event} event @param {Shell} shell @param {Form} shown */
async function confirm(event, shell, { task, state, asks }) {
  event.preventDefault();
  if (shell.busy) return;
  const draft = await shell.engine.draft(task.id);
  const form = { task, state, asks, draft };
  const faults = faultsOf(form);
  refused = faults.length ? location.hash : '';
  if (faults.length) {
    await shell.refresh();
    document.getElementById(faults[0].field)?.focus();
    return;
  }
  const { note: said, email } = draft;
  const survey = isFree(form) ? { survey: false, surveyReason: whyOf(draft) } : {};
  const captured = wantsAddress(form) ? email : null;
  const order = { task: task.id, state: state.code, note: said, email: captured, ...survey };
  const from = location.hash;
  const kept = await shell.record(order, state);
  if (!kept) return shell.refresh();
  // Who has gone elsewhere meanwhile stays there.
  await (location.hash === from ? shell.go(taskAt(task.id), { replace: true }) : shell.refresh());
}

/** Whether somebody who would be asked is not, by the technician's choice. @param {Filled} form */
function isFree({ asks, draft }) {
  return draft.unticked && asks.some((ask) => ask.mayUntick && !ask.already);
}

/** @param {Filled} form @returns {Fault[]} */
function faultsOf(form) {
  const { draft } = form;
  const found = [];
  if (wantsAddress(form) && draft.email.trim() && !usableAddress(draft.email)) {
    found.push({
      field: 'email',
      text: _('This is not an e-mail address. Check it: name@example.com.'),
    });
  }
  if (isFree(form) && !whyOf(draft))
    found.push({ field: 'why', text: _('Say why there is no survey.') });
  return found;
}
