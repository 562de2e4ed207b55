/** What the app says, in French or English: texts by their English original. */

const KEPT = 'retour-language';
/** @type {Record<string, string | string[]>} */
let texts = {};
/** 'fr' or 'en'. */
export let language = 'fr';
/** The language whose texts are here; none while they have not come. */
let here = '';

/** The locale for dates and numbers. */
export function locale() {
  return `${language}-CA`;
}

/**
 * Speak the language chosen on this device, else that of the session, else of the browser.
 * @param {string} [ofSession] fr_CA or en_CA
 */
export async function speak(ofSession) {
  const wanted = chosen() ?? ofSession ?? navigator.language;
  language = wanted.startsWith('en') ? 'en' : 'fr';
  document.documentElement.lang = locale();
  if (here === language) return;
  const wished = language;
  const found = await fetch(`texts.${wished}.json`)
    .then((answer) => (answer.ok ? answer.json() : null))
    .catch(() => null);
  if (wished !== language) return; // somebody has chosen another one meanwhile
  here = found ? wished : '';
  texts = found ?? {};
}

/** Whether texts are missing, so that English is spoken instead: worth another attempt. */
export function isMute() {
  return here !== language;
}

/** Keep a choice of language on this device. @param {'fr' | 'en'} wanted */
export async function choose(wanted) {
  localStorage.setItem(KEPT, wanted);
  await speak();
}

function chosen() {
  return localStorage.getItem(KEPT);
}

/**
 * A text in the language spoken; `{name}` in it stands for a value.
 * @param {string} text in English
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function _(text, values = {}) {
  const said = texts[text] ?? text;
  return fill(Array.isArray(said) ? said[0] : said, values);
}

/**
 * The form of a text that goes with `count`.
 * @param {string} one
 * @param {string} many
 * @param {number} count
 * @param {Record<string, string | number>} [values] beside `{count}`
 */
export function ngettext(one, many, count, values = {}) {
  const form = language === 'fr' ? Number(count >= 2) : Number(count !== 1);
  const said = texts[one];
  const text = Array.isArray(said) ? said[form] : [one, many][form];
  return fill(text, { count, ...values });
}

/**
 * @param {string} text
 * @param {Record<string, string | number>} values
 */
function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * The name of a state or another thing that has one by language.
 * @param {{name: string, names?: Record<string, string>}} thing
 */
export function named({ name, names }) {
  return textIn(names ?? {}, locale()) ?? name;
}

/**
 * The text for who reads `wanted`, as mail/i18n.py chooses: its own, that of the language
 * without a country, that of another country.
 * @param {Record<string, string>} texts by language: fr, fr_CA, fr-CA
 * @param {string} wanted
 * @returns {string | undefined}
 */
export function textIn(texts, wanted) {
  const known = new Map(
    Object.entries(texts)
      .filter(([, text]) => text)
      .map(([tag, text]) => [spelt(tag), text]),
  );
  const near = [...known.keys()].filter((tag) => base(tag) === base(wanted));
  const best = [spelt(wanted), base(wanted), ...near.sort()];
  return known.get(best.find((tag) => known.has(tag)) ?? '');
}

/** @param {string} tag */
function base(tag) {
  return spelt(tag).split('_')[0];
}

/** @param {string} tag */
function spelt(tag) {
  return tag.replaceAll('-', '_').toLowerCase();
}
