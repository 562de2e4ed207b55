/** Who would be asked if a task entered a state, as far as a device can know. */

/** @import { Ask } from './store.js' */

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
 * @property {boolean} already an earlier step has made it ask, so that this one does not
 */

/**
 * @param {Ask[]} asks of the task's type
 * @param {string} state its code
 * @param {{state: string, mine: string | null}[]} steps of the task
 * @param {Mailboxes} mailboxes by whose they are
 * @returns {Asked[]}
 */
export function askedAt(asks, state, steps, mailboxes) {
  const entered = new Set(
    steps.filter((step) => step.mine !== 'refused').map((step) => step.state),
  );
  return asks
    .filter((ask) => ask.states.includes(state))
    .map((ask) => ({
      campaign: ask.campaign,
      name: ask.name,
      ...addressOf(ask, mailboxes),
      mayUntick: ask.may_untick,
      delay: ask.delay ?? null,
      delayIn: ask.delay_in ?? 'elapsed',
      mute: ask.mute ?? null,
      already: ask.states.some((code) => entered.has(code)),
    }));
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
