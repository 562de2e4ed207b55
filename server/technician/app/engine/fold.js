/**
 * What a task looks like here: what the server told, and what was recorded since.
 *
 * @typedef {object} Step
 * @property {string} id
 * @property {string} state its code
 * @property {number} moment milliseconds by the server's clock
 * @property {number | null} sequence this device's; null for what others did
 * @property {string | null} by who did it
 * @property {string | null} note
 * @property {boolean} survey
 * @property {'held' | 'waiting' | 'parked' | 'refused' | null} mine null for what is a fact
 */

/**
 * @import { Item, Task } from './store.js'
 */

/**
 * Whether `item` counts although the server has not shown it.
 * @param {Item} item
 */
export function isOwn(item) {
  return !item.pulled && item.status !== 'refused';
}

/**
 * The steps of a task in their order: moment, then the device's sequence, then id. This device's
 * own keep its sequence, whatever its clock said between them, as the server counts them too.
 * @param {Task} task
 * @param {Item[]} items this device's, of the task
 * @param {number} skew milliseconds that the server is ahead of the device
 * @param {string} me the technician's name
 * @returns {Step[]}
 */
export function stepsOf(task, items, skew, me) {
  const sequences = new Map(items.map((item) => [item.id, item.sequence]));
  const told = (task.history ?? []).map((step) => ({
    ...step,
    moment: Date.parse(step.moment),
    sequence: sequences.get(step.id) ?? null,
    mine: null,
  }));
  const known = new Set(told.map((step) => step.id));
  const own = items
    .filter((item) => !known.has(item.id) && (isOwn(item) || item.status === 'refused'))
    .map((item) => ownStep(item, skew, me));
  return inSequence([...told, ...own]).sort(byOrder);
}

/**
 * The code of the state that the steps lead to.
 * @param {Task} task
 * @param {Step[]} steps
 * @returns {string}
 */
export function stateAfter(task, steps) {
  const counted = steps.filter((step) => step.mine !== 'refused');
  return counted.length ? counted[counted.length - 1].state : task.state;
}

/**
 * The steps of the task's current round: by moment, as the server counts them.
 * @param {Task} task
 * @param {Step[]} steps
 * @returns {Step[]}
 */
export function currentRound(task, steps) {
  const opened = task.round_opened_at ? Date.parse(task.round_opened_at) : -Infinity;
  return steps.filter((step) => step.moment >= opened);
}

/**
 * What was recorded after a step was seen comes after it, however wrong the device's clock is.
 * @param {Item} item
 * @param {number} skew
 * @param {string} me
 * @returns {Step}
 */
function ownStep(item, skew, me) {
  return {
    id: item.id,
    state: item.state,
    moment: Math.max(item.moment + skew, item.after + 1),
    sequence: item.sequence,
    by: me,
    note: item.note,
    survey: item.survey,
    mine: item.status === 'accepted' || item.status === 'duplicate' ? null : item.status,
  };
}

/**
 * No step of this device counts earlier than one before it. That none counts later than it was
 * received is the server's part: what waits is received after everything that was told.
 * @param {Step[]} steps
 */
function inSequence(steps) {
  const own = steps
    .filter((step) => step.mine !== 'refused')
    .flatMap((step) => (step.sequence === null ? [] : [{ step, sequence: step.sequence }]));
  let reached = -Infinity;
  for (const { step } of own.sort((one, other) => one.sequence - other.sequence)) {
    reached = Math.max(step.moment, reached);
    step.moment = reached;
  }
  return steps;
}

/**
 * Sequences compare only where both are this device's.
 * @param {Step} one
 * @param {Step} other
 */
function byOrder(one, other) {
  if (one.moment !== other.moment) return one.moment - other.moment;
  if (one.sequence !== null && other.sequence !== null && one.sequence !== other.sequence) {
    return one.sequence - other.sequence;
  }
  return one.id < other.id ? -1 : 1;
}
