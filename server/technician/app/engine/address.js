/** Which e-mail address is asked: the rules of the server, rules/address.py. */

import { hostOf } from './domain.js';

const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LOCAL = new RegExp(`^${ATOM}(\\.${ATOM})*$`);
const BLANKS = /^[ \t\u00a0]+|[ \t\u00a0]+$/g;
const LONGEST = 254;
const LONGEST_LOCAL = 64;

/**
 * `text` without blanks around it, or null where the server would not take it as one address.
 * @param {string | null | undefined} text
 * @returns {string | null}
 */
export function usableAddress(text) {
  return normalForm(text) === null ? null : trimmed(text);
}

/**
 * The form in which two spellings of one mailbox are equal, or null for no mailbox.
 * @param {string | null | undefined} text
 * @returns {string | null}
 */
export function normalForm(text) {
  const [local, domain, ...others] = trimmed(text).split('@');
  if ([...trimmed(text)].length > LONGEST || others.length || domain === undefined) return null;
  if (local.length > LONGEST_LOCAL || !LOCAL.test(local)) return null;
  const host = hostOf(domain);
  const normal = `${local.toLowerCase()}@${host}`;
  return host !== null && normal.length <= LONGEST ? normal : null;
}

/** @param {string | null | undefined} text */
function trimmed(text) {
  return (text ?? '').replace(BLANKS, '');
}
