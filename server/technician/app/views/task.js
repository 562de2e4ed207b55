/** One task: who, where, what happened, who will be asked, what comes next. */

import { h, icon } from './dom.js';
import { draftOf, keepDraft } from './drafts.js';
import { history } from './history.js';
import { nextSteps } from './moving.js';
import { back, chip, mark, marks, owner } from './parts.js';
import { LIST } from './routes.js';
import { _, named } from './texts.js';
import { full } from './times.js';

/**
 * @import { Asked } from '../engine/asks.js'
 * @import { TaskPage } from '../engine/reading.js'
 * @import { FieldEvent } from './dom.js'
 * @import { Page, Shell } from './shell.js'
 */

/** @param {Shell} shell @returns {Promise<Page>} */
export async function task(shell) {
  const found = await shell.engine.task(shell.place.task ?? '');
  if (!found) return gone();
  return {
    title: found.title,
    over: [back(LIST, _('Tasks'))],
    content: [
      h('p', { class: 'marks' }, chip(found.state), ...marks(found)),
      lastNote(found),
      facts(shell, found),
      await whom(shell, found),
      note(found),
      history(shell, found),
    ],
    dock: [nextSteps(shell, found)],
  };
}

/** The page of a task that left the device. @returns {Page} */
export function gone() {
  return {
    title: _('This task is no longer here'),
    over: [back(LIST, _('Tasks'))],
    content: [
      h(
        'p',
        {},
        _(
          'It was given to somebody else or taken off your list. What you did on it is kept and shown in the queue.',
        ),
      ),
    ],
  };
}

/** @param {TaskPage} found */
function lastNote(found) {
  const last = found.history.findLast((step) => step.note && step.mine !== 'refused');
  if (!last) return null;
  return h(
    'blockquote',
    { class: 'notice last', key: 'last' },
    h('p', {}, last.note),
    h('p', { class: 'hint' }, last.by),
  );
}

/** @param {Shell} shell @param {TaskPage} found */
function facts(shell, found) {
  const { customer, location: place } = found;
  const day = found.scheduledAt === null ? null : full(found.scheduledAt, shell.zone);
  return h(
    'dl',
    { class: 'facts', key: 'facts' },
    day && fact(_('When'), h('span', {}, day)),
    customer && fact(_('Customer'), customer.name, phone(customer)),
    place && fact(_('Place'), place.name, map(place.address), phone(place)),
    fact(_('Type'), [named(found.type), found.number].filter(Boolean).join(' · ')),
    found.reason && fact(_('Reason'), found.reason),
    found.priority && fact(_('Priority'), found.priority),
    found.tags.length > 0 && fact(_('Tags'), found.tags.join(', ')),
  );
}

/** @param {string} name @param {...(Node | string | null)} said */
function fact(name, ...said) {
  return h(
    'div',
    { key: name },
    h('dt', {}, name),
    ...said.filter(Boolean).map((one) => h('dd', {}, one)),
  );
}

/**
 * What is written may be more than a number, or none: the server says what is dialled.
 * @param {{phone: string | null, call: string | null}} thing
 */
function phone({ phone: written, call }) {
  if (!written) return null;
  return call ? h('a', { class: 'touch', href: call }, icon('phone'), written) : written;
}

/** Opens the phone's own map; elsewhere a page of OpenStreetMap. @param {string} address */
function map(address) {
  if (!address) return null;
  const query = encodeURIComponent(address);
  const agent = navigator.userAgent;
  let href = `https://www.openstreetmap.org/search?query=${query}`;
  if (agent.includes('Android')) href = `geo:0,0?q=${query}`;
  else if (/iPhone|iPad|Macintosh/.test(agent)) href = `https://maps.apple.com/?q=${query}`;
  const away = href.startsWith('https') ? { target: '_blank', rel: 'noopener noreferrer' } : {};
  return h('a', { class: 'touch', href, ...away }, icon('place'), address);
}

/** Who will be asked at the next steps. @param {Shell} shell @param {TaskPage} found */
async function whom(shell, found) {
  const lines = [];
  for (const state of found.next) {
    const asks = await shell.engine.asks(found.id, state.code);
    if (asks.length) {
      const answers = asks.map((one) => h('p', {}, asked(one)));
      lines.push(
        h(
          'li',
          { key: state.code },
          h('p', { class: 'hint' }, `${state.code} ${named(state)}`),
          ...answers,
        ),
      );
    }
  }
  if (!lines.length) return null;
  return h(
    'section',
    { class: 'card', key: 'whom' },
    h('h2', {}, _('Who will be asked')),
    h('ul', { class: 'whom' }, ...lines),
  );
}

/** What one campaign will do, in one sentence. @param {Asked} ask */
export function asked(ask) {
  if (ask.already) return _('Already triggered by an earlier step: nobody is asked again.');
  if (!ask.address) return mark('alert', 'caution', _('No address: nobody will be asked.'));
  return h(
    'span',
    {},
    h('b', { class: 'address' }, ask.address),
    ' ',
    h('span', { class: 'hint' }, `(${owner(ask.whose)})`),
  );
}

/** @param {TaskPage} found */
function note(found) {
  const { note: typed } = draftOf(found.id);
  const oninput = (/** @type {FieldEvent} */ event) => keepDraft(found.id, { note: event.target.value });
  return h(
    'details',
    { class: 'card', key: 'note', open: Boolean(typed) },
    h('summary', { class: 'touch' }, h('h2', {}, _('Note for the next step'))),
    h('label', { for: 'note' }, _('Note')),
    h(
      'p',
      { class: 'hint', id: 'note-hint' },
      _('Goes with the next state that you choose. Dispatch reads it, the customer does not.'),
    ),
    h(
      'textarea',
      { id: 'note', rows: 3, maxlength: 4000, 'aria-describedby': 'note-hint', oninput },
      typed,
    ),
  );
}
