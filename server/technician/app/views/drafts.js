/** What was typed and not yet confirmed: a call that closes the page must not lose it. */

/**
 * @typedef {object} Draft
 * @property {string} note
 * @property {string} email
 * @property {boolean} unticked
 * @property {string} why the chosen reason for no survey: one offered, or 'other'
 * @property {string} reason in own words
 */

const DRAFTS = 'retour-draft-';
let mine = DRAFTS;

/**
 * Drafts are those of `device` from now on; what others typed in this tab is forgotten.
 * @param {string | undefined} device its id; none while nobody is at work
 */
export function draftsOf(device) {
  mine = `${DRAFTS}${device}-`;
  const others = Object.keys(sessionStorage).filter(
    (name) => name.startsWith(DRAFTS) && !name.startsWith(mine),
  );
  for (const name of others) sessionStorage.removeItem(name);
}

/** @returns {Draft} */
function blank() {
  return { note: '', email: '', unticked: false, why: '', reason: '' };
}

/** @param {string} task its id @returns {Draft} */
export function draftOf(task) {
  try {
    return { ...blank(), ...JSON.parse(sessionStorage.getItem(nameOf(task)) ?? '{}') };
  } catch {
    return blank();
  }
}

/** @param {string} task @param {Partial<Draft>} typed */
export function keepDraft(task, typed) {
  const draft = { ...draftOf(task), ...typed };
  try {
    sessionStorage.setItem(nameOf(task), JSON.stringify(draft));
  } catch {
    // Full: the page still shows what is typed, only a reload would lose it.
  }
}

/** @param {string} task */
export function dropDraft(task) {
  sessionStorage.removeItem(nameOf(task));
}

/** @param {string} task */
function nameOf(task) {
  return mine + task;
}
