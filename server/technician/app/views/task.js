/** One task: who, where, what happened, who will be asked, what comes next. */

import { h, icon } from './dom.js';
import { history } from './history.js';
import { nextSteps } from './moving.js';
import { back, chip, fold, isSame, mark, marks, owner } from './parts.js';
import { priorityOf } from './priority.js';
import { LIST } from './routes.js';
import { _, named } from './texts.js';
import { full, spanOf } from './times.js';

/**
 * @import { Asked } from '../engine/asks.js'
 * @import { TaskPage } from '../engine/reading.js'
 * @import { Page, Shell } from './shell.js'
 */

/** @param {Shell} shell @returns {Promise<Page>} */
export async function task(shell) {
  const found = await shell.engine.task(shell.place.task ?? '');
  if (!found) return gone(shell);
  return {
    title: found.title,
    over: [back(LIST, _('Tasks'))],
    content: [
      h('p', { class: 'marks' }, chip(found.state), ...marks(found)),
      lastNote(found),
      facts(shell, found),
      await whom(shell, found),
      await note(shell, found),
      history(shell, found),
    ],
    dock: [await nextSteps(shell, found)],
  };
}

/** The page of a task that left the device. @param {Shell} shell @returns {Promise<Page>} */
export async function gone({ engine, place }) {
  const { note: typed } = await engine.draft(place.task ?? '');
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
      typed &&
        h(
          'section',
          { class: 'card', key: 'typed' },
          h('h2', {}, _('Note that you had not recorded')),
          h('p', { class: 'said' }, typed),
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
    place && fact(_('Place'), ...whereabouts(place, customer)),
    fact(_('Type'), [named(found.type), found.number].filter(Boolean).join(' · ')),
    found.reason && fact(_('Reason'), found.reason),
    found.priority && fact(_('Priority'), priorityOf(found.priority)),
    found.tags.length > 0 && fact(_('Tags'), found.tags.join(', ')),
  );
}

/**
 * What the customer's lines have not said already; the name all the same where nothing is left.
 * @param {NonNullable<TaskPage['location']>} place
 * @param {TaskPage['customer']} customer
 */
function whereabouts(place, customer) {
  const rest = [map(place.address), place.phone === customer?.phone ? null : phone(place)];
  const said = isSame(place.name, customer?.name) && rest.some(Boolean);
  return [said ? null : place.name, ...rest];
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

/** Who may be asked at the next steps. @param {Shell} shell @param {TaskPage} found */
async function whom(shell, found) {
  const lines = [];
  for (const state of found.next) {
    const asks = await shell.engine.asks(found.id, state.code);
    if (asks.length) {
      const answers = asks.map((one) => asked(one));
      lines.push(
        h(
          'li',
          { key: state.code },
          h('p', { class: 'hint' }, `${state.code} ${named(state)}`),
          ...answers.flat(),
        ),
      );
    }
  }
  if (!lines.length) return null;
  return h(
    'section',
    { class: 'card', key: 'whom' },
    h('h2', {}, _('Who may be asked')),
    h('ul', { class: 'whom' }, ...lines),
  );
}

/** What one campaign will do: whom it asks, and when at the earliest. @param {Asked} ask */
export function asked(ask) {
  if (ask.already === 'hand') {
    return [h('p', {}, _('The office sent this survey by hand: nobody is asked again.'))];
  }
  if (ask.already) {
    return [h('p', {}, _('Already triggered by an earlier step: nobody is asked again.'))];
  }
  const before = ask.unsure ? [perhaps()] : [];
  if (!ask.address) {
    return [...before, h('p', {}, mark('alert', 'caution', _('No address: nobody will be asked.')))];
  }
  const whose = h('span', { class: 'hint' }, `(${owner(ask.whose)})`);
  return [
    ...before,
    h('p', {}, h('b', { class: 'address' }, ask.address), ' ', whose),
    when(ask),
  ];
}

/** Said where the task went back after an earlier step. */
export function perhaps() {
  const words = _(
    'An earlier step asked already. This one asks only if that survey had not left when the task went back.',
  );
  return h('p', {}, words);
}

/** No more than the campaign's rules say. @param {Asked} ask */
function when({ delay, delayIn, mute, sampled }) {
  const part = sampled && _('May be asked: this survey asks about a part of the visits.');
  if (delay === null) return part ? h('p', { class: 'hint' }, part) : null;
  const span = spanOf(delay);
  const later =
    delayIn === 'working'
      ? _('{span} after the step at the earliest, counting only working hours.', { span })
      : _('{span} after the step at the earliest.', { span });
  const due = span ? later : _('When the step is sent, or when quiet hours end.');
  const unless =
    mute &&
    _('Not if this survey went to this address less than {span} before.', { span: spanOf(mute) });
  return h('p', { class: 'hint' }, part && `${part} `, due, unless && ` ${unless}`);
}

/** @param {Shell} shell @param {TaskPage} found */
async function note(shell, found) {
  const { note: typed } = await shell.engine.draft(found.id);
  const oninput = shell.typing(found.id, 'note');
  return fold(
    // After a step the field is another one: what was typed went with the step.
    { class: 'card', key: `note-${shell.recorded}`, open: Boolean(typed) },
    h('h2', {}, _('Note for the next step')),
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
