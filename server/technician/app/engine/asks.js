/** Who would be asked if a task entered a state, as far as a device can know. */

/** @import { Ask, Criteria } from './store.js' */

import { usableAddress } from './address.js';

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
 * @property {boolean} already an earlier step of the round has made it ask, so that this one does not
 * @property {boolean} sampled it asks about a part of the tasks, so that it may not ask at all
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

/**
 * @param {Ask[]} asks of the task's type
 * @param {string} state its code
 * @param {{state: string, mine: string | null}[]} steps of the task's current round
 * @param {Mailboxes} mailboxes by whose they are
 * @param {Facts} facts of the task as it is now
 * @param {number} now milliseconds by the server's clock
 * @returns {Asked[]}
 */
export function askedAt(asks, state, steps, mailboxes, facts, now) {
  const entered = new Set(
    steps.filter((step) => step.mine !== 'refused').map((step) => step.state),
  );
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
      already: ask.states.some((code) => entered.has(code)),
      sampled: ask.sampled ?? false,
    }));
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
