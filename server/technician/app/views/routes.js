/** Where one is: the part of the address after #, which works without a network. */

/**
 * @typedef {object} Place
 * @property {'list' | 'task' | 'step' | 'other' | 'queue' | 'enrol' | 'me'} page
 * @property {string} [task] its id
 * @property {string} [state] the code of the state to go to
 * @property {string} [code] an enrolment code from a link
 */

/** @param {string} hash @returns {Place} */
export function placeOf(hash) {
  const given = /^#enrol=(.*)$/.exec(hash);
  if (given) return { page: 'enrol', code: decoded(given[1]) };
  const [page, task, way, state] = hash.replace(/^#\/?/, '').split('/').map(decoded);
  if (page === 'task' && task) {
    if (way === 'step' && state) return { page: 'step', task, state };
    return { page: way === 'other' ? 'other' : 'task', task };
  }
  return { page: page === 'queue' || page === 'enrol' || page === 'me' ? page : 'list' };
}

export const LIST = '#/';
export const QUEUE = '#/queue';
export const ENROL = '#/enrol';
export const ME = '#/me';

/** @param {string} id */
export function taskAt(id) {
  return `#/task/${encodeURIComponent(id)}`;
}

/** @param {string} id @param {string} state its code */
export function stepAt(id, state) {
  return `${taskAt(id)}/step/${encodeURIComponent(state)}`;
}

/** @param {string} id */
export function otherAt(id) {
  return `${taskAt(id)}/other`;
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
