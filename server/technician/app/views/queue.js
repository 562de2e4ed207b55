/** Everything recorded here and what became of it: nothing leaves this page unsaid. */

import { h } from './dom.js';
import { chip, mark } from './parts.js';
import { taskAt } from './routes.js';
import { isStopped } from './strip.js';
import { _, ngettext } from './texts.js';
import { brief, full } from './times.js';

/**
 * @import { Status } from '../engine/engine.js'
 * @import { QueueItem } from '../engine/reading.js'
 * @import { Child, IconName } from './dom.js'
 * @import { Tone } from './parts.js'
 * @import { Page, Shell } from './shell.js'
 *
 * @typedef {object} Verdict what became of an item
 * @property {IconName} icon
 * @property {Tone} tone
 * @property {string} name
 * @property {string} means
 * @property {string} [todo]
 */

const PENDING = ['held', 'waiting'];
let syncing = false;
/** Whether a sync was asked for since there was a network. */
let tried = false;

/** @param {Shell} shell @returns {Promise<Page>} */
export async function queue(shell) {
  const items = await shell.engine.queue();
  const { status } = shell.engine;
  if (status.online) tried = false;
  const pending = items.filter((item) => PENDING.includes(item.status));
  const settled = items.filter((item) => !PENDING.includes(item.status));
  return {
    title: _('Queue'),
    content: [
      ...progress(pending.length, settled, status).map((said) => h('p', {}, said)),
      pending.length > 0 && !isStopped(status) && sync(shell),
      group(shell, _('Waiting'), pending),
      group(shell, _('Already sent'), settled),
      settled.length > 0 && h('p', { class: 'hint' }, _('Settled steps stay here for 14 days.')),
    ],
  };
}

/**
 * What waits, what needs somebody, or else that all is well.
 * @param {number} pending
 * @param {QueueItem[]} settled
 * @param {Status} status
 */
function progress(pending, settled, status) {
  if (!pending && !settled.length) {
    return [_('What you record on tasks appears here, with what became of it.')];
  }
  const said = [];
  if (pending) {
    const waits = ngettext('{count} step waits.', '{count} steps wait.', pending);
    said.push(`${waits} ${whereTo(status)}`);
  }
  const refused = settled.filter((item) => item.status === 'refused').length;
  if (refused) {
    said.push(
      ngettext(
        '{count} step was refused: what to do stands beside it.',
        '{count} steps were refused: what to do stands beside them.',
        refused,
      ),
    );
  }
  const parked = settled.filter((item) => item.status === 'parked').length;
  if (parked) {
    said.push(
      ngettext(
        '{count} step is set aside until the server knows its task.',
        '{count} steps are set aside until the server knows their tasks.',
        parked,
      ),
    );
  }
  return said.length ? said : [_('All is sent and settled.')];
}

/** @param {Status} status */
function whereTo(status) {
  if (status.problem === 'signed_out')
    return _('All is kept on this device until it is enrolled again.');
  if (status.problem === 'old_app') return _('All is kept on this device until the app is updated.');
  return status.online
    ? _('It is sent by itself.')
    : _('All is kept on this device until there is a network.');
}

/** @param {Shell} shell */
function sync(shell) {
  const onclick = async () => {
    syncing = true;
    shell.refresh();
    await shell.engine.sync().finally(() => (syncing = false));
    tried = true;
    shell.say(stillOffline(shell.engine.status));
    await shell.refresh();
  };
  const answer = tried && !syncing && stillOffline(shell.engine.status);
  return h(
    'div',
    { class: 'sync-now', key: 'sync' },
    h(
      'button',
      { class: 'button wide', type: 'button', disabled: syncing, onclick },
      syncing ? _('Syncing…') : _('Sync now'),
    ),
    answer && mark('off', 'caution', answer),
  );
}

/** What an attempt to sync came to where nothing on the page says it. @param {Status} status */
function stillOffline({ online }) {
  return online ? '' : _('Still offline. All is kept on this device.');
}

/** @param {Shell} shell @param {string} name @param {QueueItem[]} items */
function group(shell, name, items) {
  if (!items.length) return null;
  return h(
    'section',
    { class: 'day', key: name },
    h('h2', {}, name),
    h('ol', { class: 'rows' }, ...items.map((item) => row(shell, item))),
  );
}

/** @param {Shell} shell @param {QueueItem} item */
function row(shell, item) {
  const { zone, now } = shell;
  const moment = item.moment + shell.engine.status.skew;
  const verdict = verdictOf(item, shell.engine.status);
  return h(
    'li',
    { key: item.id, class: item.status },
    h(
      'time',
      { datetime: new Date(moment).toISOString(), title: full(moment, zone) },
      brief(moment, zone, now),
    ),
    h('h3', {}, h('a', { class: 'touch', href: taskAt(item.task) }, item.taskTitle)),
    h('p', { class: 'marks' }, chip(item.state), mark(verdict.icon, verdict.tone, verdict.name)),
    h('p', { class: 'hint' }, verdict.means),
    verdict.todo && h('p', {}, h('b', {}, verdict.todo)),
    ...details(item),
    item.status === 'held' &&
      h(
        'button',
        { class: 'button second', type: 'button', onclick: () => shell.undoing.undo(item) },
        _('Undo'),
      ),
  );
}

/** @param {QueueItem} item @returns {Child[]} */
function details({ note, email, survey }) {
  return [
    note && h('p', { class: 'said' }, note),
    email && h('p', { class: 'hint' }, _('Address captured: {email}', { email })),
    survey === false && h('p', { class: 'hint' }, _('No survey')),
  ];
}

/** @param {QueueItem} item @param {Status} standing @returns {Verdict} */
function verdictOf({ status, reason }, standing) {
  switch (status) {
    case 'held':
      return {
        icon: 'clock',
        tone: 'caution',
        name: _('Held'),
        means: !standing.online || isStopped(standing)
          ? _('Can be undone for ten seconds, then it waits.')
          : _('Can be undone for ten seconds, then it is sent.'),
      };
    case 'waiting':
      return {
        icon: 'clock',
        tone: 'caution',
        name: _('Waits'),
        means: waitingFor(standing),
      };
    case 'accepted':
      return {
        icon: 'check',
        tone: 'positive',
        name: _('Accepted'),
        means: _('The server has it.'),
      };
    case 'duplicate':
      return {
        icon: 'check',
        tone: 'positive',
        name: _('Accepted'),
        means: _('The server already had it; it counts once.'),
      };
    case 'parked':
      return {
        icon: 'clock',
        tone: 'caution',
        name: _('Set aside'),
        means: _(
          'The server does not know this task yet. It is settled by itself as soon as it does.',
        ),
      };
    default:
      return refusal(reason);
  }
}

/** @param {Status} standing */
function waitingFor(standing) {
  if (standing.problem === 'signed_out') return _('Kept on this device until it is enrolled again.');
  if (standing.problem === 'old_app') return _('Kept on this device until the app is updated.');
  return standing.online
    ? _('It is about to be sent.')
    : _('Kept on this device until there is a network.');
}

/** @param {string | null} reason @returns {Verdict} */
function refusal(reason) {
  const called = _('Dispatch sees it too and can accept it: call them if it was right.');
  /** @type {Record<string, [string, string]>} */
  const told = {
    no_authority: [_('The task was not yours at that moment.'), called],
    unknown_state: [
      _('This state no longer exists.'),
      _('Open the task and choose another state.'),
    ],
    unknown_task: [_('The server does not know this task.'), called],
    id_reused: [
      _('Another step has the same number.'),
      _('Open the task and record the step again.'),
    ],
    unreadable: [
      _('The server could not read this step, so dispatch does not see it.'),
      _('It is tried again when the app starts anew. Record the step again if it cannot wait.'),
    ],
  };
  const [means, todo] = told[reason ?? ''] ?? [_('The server does not take it.'), _('Call dispatch.')];
  return { icon: 'alert', tone: 'negative', name: _('Refused'), means, todo };
}
