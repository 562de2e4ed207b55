/** Who would be asked if a task entered a state, as far as a device can know. */

/** @import { Ask, Criteria, StateKind } from './store.js' */

import { usableAddress } from './address.js';

/** Kinds of states in which a survey that is due is dropped, unless its campaign asks about them. */
const DROPPING = ['planned', 'active', 'cancelled'];

/**
 * @typedef {'customer' | 'location' | 'contact' | 'billing'} Whose
 * @typedef {Record<Whose, string | null | undefined>} Mailboxes
 *
 * @typedef {object} Asked
 * @property {string} campaign its id
 * @property {string} name
 * @property {string | null} address
 * @property {Whose | null} whose
 * @property {boolean} mayUntick
 * @property {string | null} delay DD:HH:MM from the step until it asks at the earliest; null: not known
 * @property {'elapsed' | 'working'} delayIn the time that counts for it
 * @property {string | null} mute DD:HH:MM in which it asks at an address once; null: no limit
 * @property {'step' | 'hand' | null} already what has made it ask in this round, so that this step
 *   does not: an earlier one, or the office, which sent the survey by hand
 * @property {boolean} unsure an earlier step has, unless its survey had not left when the task went back
 * @property {boolean} sampled it asks about a part of the tasks, so that it may not ask at all
 *
 * @typedef {object} Passed a step of the task
 * @property {string} state
 * @property {StateKind} kind of the state
 * @property {number} moment milliseconds by the server's clock
 * @property {string | null} mine null for what the server has shown
 *
 * @typedef {object} Facts what criteria are judged on
 * @property {string | null} [unit]
 * @property {string | null} [priority]
 * @property {string | null} [reason]
 * @property {string | null} [channel]
 * @property {string | null} [account_manager]
 * @property {string[]} [tags]
 * @property {string[]} [customer_tags]
 */

/** @type {Pick<Asked, 'already' | 'unsure'>} */
const BY_HAND = { already: 'hand', unsure: false };

/**
 * @param {Ask[]} asks of the task's type
 * @param {string} state its code
 * @param {{steps: Passed[], byHand: string[]}} round the task's current one: its steps in order,
 *   and the campaigns whose survey was sent by hand
 * @param {Mailboxes} mailboxes by whose they are
 * @param {Facts} facts of the task as it is now
 * @param {number} now milliseconds by the server's clock
 * @returns {Asked[]}
 */
export function askedAt(asks, state, { steps, byHand }, mailboxes, facts, now) {
  const counted = steps.filter((step) => step.mine !== 'refused');
  return asks
    .filter((ask) => ask.states.includes(state) && isOpen(ask, now) && admits(ask.criteria, facts))
    .map((ask) => ({
      campaign: ask.campaign,
      name: ask.name,
      ...addressOf(ask, mailboxes),
      mayUntick: ask.may_untick,
      delay: ask.delay ?? null,
      delayIn: ask.delay_in ?? 'elapsed',
      mute: ask.mute ?? null,
      ...(byHand.includes(ask.campaign) ? BY_HAND : earlier(ask, counted, now)),
      sampled: ask.sampled ?? false,
    }));
}

/**
 * What earlier steps have done already. A survey is dropped where its task is called off or back at
 * work when it is due, and the next step into one of the states asks again. It may be due later than
 * its delay says, and what the server has not got yet is not due at all.
 * @param {Ask} ask
 * @param {Passed[]} steps
 * @param {number} now
 * @returns {Pick<Asked, 'already' | 'unsure'>}
 */
function earlier(ask, steps, now) {
  /** @param {Passed} step */
  const selected = (step) => ask.states.includes(step.state);
  const first = steps.find(selected);
  if (!first) return { already: null, unsure: false };
  const due = first.moment + lengthOf(ask.delay ?? '00:00:00');
  const since = steps.slice(steps.findLastIndex(selected) + 1);
  const unsure =
    first.mine === null &&
    since.some((step, place) => {
      const left = since[place + 1]?.moment ?? now;
      return DROPPING.includes(step.kind) && Math.max(step.moment, due) < left;
    });
  return { already: unsure ? null : 'step', unsure };
}

/** Milliseconds. @param {string} delay DD:HH:MM */
function lengthOf(delay) {
  const [days, hours, minutes] = delay.split(':').map(Number);
  return ((days * 24 + hours) * 60 + minutes) * 60_000;
}

/** @param {Ask} ask @param {number} now */
function isOpen({ starts_at: start = null, ends_at: end = null }, now) {
  return (start === null || Date.parse(start) <= now) && (end === null || now < Date.parse(end));
}

/**
 * Whether facts have a value of each criterion that has any.
 * @param {Partial<Criteria> | null | undefined} criteria
 * @param {Facts} facts
 */
export function admits(criteria, facts) {
  if (!criteria) return true;
  /** @type {[string[] | undefined, (string | null | undefined)[]][]} */
  const pairs = [
    [criteria.units, [facts.unit]],
    [criteria.priorities, [facts.priority]],
    [criteria.reasons, [facts.reason]],
    [criteria.channels, [facts.channel]],
    [criteria.account_managers, [facts.account_manager]],
    [criteria.tags, facts.tags ?? []],
    [criteria.customer_tags, facts.customer_tags ?? []],
  ];
  return pairs.every(
    ([chosen, values]) => !chosen?.length || values.some((value) => value && chosen.includes(value)),
  );
}

/**
 * @param {Ask} ask
 * @param {Mailboxes} mailboxes
 */
function addressOf(ask, mailboxes) {
  for (const whose of [ask.primary, ask.secondary]) {
    const address = whose && usableAddress(mailboxes[whose]);
    if (address) return { address, whose };
  }
  return { address: null, whose: null };
}
