/**
 * Names of hosts in any script, as IDNA 2008 has them (RFC 5890 to 5893): the rule of the server's
 * rules/address.py. A browser's own URL follows UTS #46, which takes an emoji or a stray joiner for
 * a name, so it only encodes here what was judged before.
 */

const PLAIN = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;
const ASCII = /^[\0-\x7f]*$/;
const ACE = 'xn--';
const LONGEST = 253;
const LONGEST_LABEL = 63;

/** RFC 5892: letters and digits, exceptions (2.6), and what is never allowed (2.3, 2.4, 2.9). */
const LETTER = /^[\p{Ll}\p{Lo}\p{Lm}\p{Mn}\p{Mc}\p{Nd}]$/u;
const ALLOWED = /^[a-z0-9\u00df\u0131\u03c2\u06fd\u06fe\u0f0b\u3007\u200c\u200d-]$/u;
const FORBIDDEN =
  /^[\p{Script=Cherokee}\p{Default_Ignorable_Code_Point}\p{White_Space}\u0640\u07fa\u1100-\u11ff\u20d0-\u20ff\u302e\u302f\u3031-\u3035\u303b\ua960-\ua97c\ud7b0-\ud7fb\u{1d100}-\u{1d24f}]$/u;

/** RFC 5892, appendix A: allowed where the text around says so. */
const IN_CONTEXT = new Map([
  ['\u00b7', (label) => !/(?<!l)\u00b7|\u00b7(?!l)/.test(label)],
  ['\u0375', (label) => !/\u0375(?!\p{Script=Greek})/u.test(label)],
  ['\u05f3', hebrew],
  ['\u05f4', hebrew],
  ['\u30fb', (label) => /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u.test(label)],
]);
const TWO_KINDS_OF_DIGITS = /[\u0660-\u0669].*[\u06f0-\u06f9]|[\u06f0-\u06f9].*[\u0660-\u0669]/;

/**
 * Joiners stand behind a virama, the non-joiner between letters that would join, too: those of the
 * Arabic, Syriac, N'Ko, Mandaic, Mongolian and Phags-pa scripts by how they join (Unicode 18).
 */
const JOINS_BOTH =
  '\\u0620\\u0626\\u0628\\u062a-\\u062e\\u0633-\\u0647\\u0649-\\u064a\\u066e-\\u066f' +
  '\\u0679-\\u0687\\u069a-\\u06bf\\u06c1-\\u06c2\\u06cc\\u06ce\\u06d0-\\u06d1' +
  '\\u06fa-\\u06fc\\u06ff\\u0712-\\u0714\\u071a-\\u071d\\u071f-\\u0727\\u0729\\u072b' +
  '\\u072d-\\u072e\\u074e-\\u0758\\u075c-\\u076a\\u076d-\\u0770\\u0772\\u0775-\\u0777' +
  '\\u077a-\\u077f\\u07ca-\\u07ea\\u0841-\\u0845\\u0848\\u084a-\\u0853\\u0855\\u0860' +
  '\\u0862-\\u0865\\u0868\\u0886\\u0889-\\u088d\\u088f\\u08a0-\\u08a9\\u08af-\\u08b0' +
  '\\u08b3-\\u08b8\\u08ba-\\u08c8\\u1820-\\u1878\\u1887-\\u18a8\\u18aa\\ua840-\\ua872';
const JOINS_BEFORE =
  '\\u0622-\\u0625\\u0627\\u0629\\u062f-\\u0632\\u0648\\u0671-\\u0673\\u0688-\\u0699\\u06c0' +
  '\\u06c3-\\u06cb\\u06cd\\u06cf\\u06d2-\\u06d5\\u06ee-\\u06ef\\u0710\\u0715-\\u0719\\u071e' +
  '\\u0728\\u072a\\u072c\\u072f\\u074d\\u0759-\\u075b\\u076b-\\u076c\\u0771\\u0773-\\u0774' +
  '\\u0778-\\u0779\\u0840\\u0846-\\u0847\\u0849\\u0854\\u0856-\\u0858\\u0867\\u0869-\\u086a' +
  '\\u0870-\\u0882\\u088e\\u08aa-\\u08ac\\u08ae\\u08b1-\\u08b2\\u08b9';
const VIRAMA =
  '\\u094d\\u09cd\\u0a4d\\u0acd\\u0b4d\\u0bcd\\u0c4d\\u0ccd\\u0d3b-\\u0d3c\\u0d4d\\u0dca' +
  '\\u0e3a\\u0eba\\u0f84\\u1039-\\u103a\\u1714-\\u1715\\u1734\\u17d2\\u1a60\\u1b44' +
  '\\u1baa-\\u1bab\\u1bf2-\\u1bf3\\u2d7f\\ua806\\ua82c\\ua8c4\\ua953\\ua9c0\\uaaf6\\uabed';
const JOINERS_STAND = new RegExp(
  `^(?:[^\\u200c\\u200d]|(?<=[${VIRAMA}])[\\u200c\\u200d]|` +
    `(?<=[${JOINS_BOTH}]\\p{Mn}*)\\u200c(?=\\p{Mn}*[${JOINS_BOTH}${JOINS_BEFORE}]))*$`,
  'u',
);

/** RFC 5893: letters that run right to left, two kinds of digits, and what may stand among them. */
const LEFTWARDS =
  '(?:(?![\\u0660-\\u0669\\u06f0-\\u06f9]|\\p{Mn})[\\u0590-\\u08ff\\u{10800}-\\u{10fff}\\u{1e800}-\\u{1efff}])';
const EUROPEAN = '[0-9\\u06f0-\\u06f9]';
const ARABIC = '[\\u0660-\\u0669]';
const BETWEEN =
  '\\p{Mn}\\u02b9\\u02ba\\u02c6-\\u02cf\\u02ec\\u200c\\u200d\\ua717-\\ua71f\\ua788-';
const RUNS_LEFT = new RegExp(`${LEFTWARDS}|${ARABIC}`, 'u');
const LEFT_LABEL = new RegExp(
  // eslint-disable-next-line no-misleading-character-class -- joiners, escaped twice, are meant
  `^${LEFTWARDS}(?:[${BETWEEN}]*(?:${LEFTWARDS}|${EUROPEAN}|${ARABIC}))*\\p{Mn}*$`,
  'u',
);
const BOTH_DIGITS = new RegExp(`${EUROPEAN}.*${ARABIC}|${ARABIC}.*${EUROPEAN}`, 'u');

/**
 * The host that `domain` names, in lower case and ASCII; null where it names none.
 * @param {string} domain
 * @returns {string | null}
 */
export function hostOf(domain) {
  const folded = fold(domain).replaceAll('\u3002', '.');
  if ([...folded].length > LONGEST) return null;
  const labels = folded.split('.').map(ascii);
  const last = labels[labels.length - 1] ?? '';
  if (labels.length < 2 || labels.includes(null) || /^[0-9]+$/.test(last)) return null;
  return labels.join('.');
}

/**
 * In lower case letter by letter: a whole text would turn a last sigma into another letter.
 * @param {string} text
 */
function fold(text) {
  return changed(text, (letter) => letter.toLowerCase());
}

/**
 * As `fold`, with letters whose capitals are several: what it changes is no letter of a name.
 * @param {string} text
 */
function foldAll(text) {
  return changed(text, (letter) => letter.toUpperCase().toLowerCase());
}

/**
 * @param {string} text
 * @param {(letter: string) => string} change
 */
function changed(text, change) {
  return [...text.normalize('NFKC')].map(change).join('').normalize('NFKC');
}

/** @param {string} label @returns {string | null} */
function ascii(label) {
  if (ASCII.test(label)) {
    if (!PLAIN.test(label)) return null;
    if (!label.startsWith(ACE)) return label;
    const meant = decoded(label.slice(ACE.length));
    return meant !== null && encoded(meant) === label ? label : null;
  }
  return encoded(label);
}

/**
 * `label` in Punycode; null where it is ASCII already or no name.
 * @param {string} label
 */
function encoded(label) {
  if (ASCII.test(label) || [...label].length > LONGEST_LABEL || !isName(label)) return null;
  try {
    const [host] = new URL(`http://${label}.example`).hostname.split('.');
    return host.startsWith(ACE) && PLAIN.test(host) ? host : null;
  } catch {
    return null;
  }
}

/** @param {string} label */
function isName(label) {
  if (label !== label.normalize('NFC') || /^-|-$|^..--|^\p{M}/u.test(label)) return false;
  if (TWO_KINDS_OF_DIGITS.test(label) || !JOINERS_STAND.test(label)) return false;
  return [...label].every((letter) => isAllowed(letter, label)) && runsOneWay(label);
}

/** @param {string} letter @param {string} label */
function isAllowed(letter, label) {
  const inContext = IN_CONTEXT.get(letter);
  if (inContext) return inContext(label);
  if (ALLOWED.test(letter)) return true;
  return LETTER.test(letter) && !FORBIDDEN.test(letter) && foldAll(letter) === letter;
}

/** @param {string} label */
function hebrew(label) {
  return !/(?<!\p{Script=Hebrew})[\u05f3\u05f4]/u.test(label);
}

/** @param {string} label */
function runsOneWay(label) {
  return !RUNS_LEFT.test(label) || (LEFT_LABEL.test(label) && !BOTH_DIGITS.test(label));
}

/** Punycode (RFC 3492, 6.2) as text; null for what is none. @param {string} code */
function decoded(code) {
  const at = code.lastIndexOf('-');
  const letters = [...code.slice(0, Math.max(at, 0))];
  let [point, place, bias] = [128, 0, 72];
  for (let from = at + 1; from < code.length; ) {
    const before = place;
    for (let weight = 1, step = 36; ; step += 36) {
      const digit = '0123456789'.includes(code[from] ?? '')
        ? code.charCodeAt(from) - 22
        : code.charCodeAt(from) - 97;
      if (!(digit >= 0 && digit < 36)) return null;
      from += 1;
      place += digit * weight;
      const threshold = Math.min(Math.max(step - bias, 1), 26);
      if (digit < threshold) break;
      weight *= 36 - threshold;
    }
    bias = adapted(place - before, letters.length + 1, before === 0);
    point += Math.floor(place / (letters.length + 1));
    if (point > 0x10ffff) return null;
    place %= letters.length + 1;
    letters.splice(place, 0, String.fromCodePoint(point));
    place += 1;
  }
  return letters.join('');
}

/**
 * RFC 3492, 6.1.
 * @param {number} delta
 * @param {number} length
 * @param {boolean} first
 */
function adapted(delta, length, first) {
  let rest = Math.floor(delta / (first ? 700 : 2));
  rest += Math.floor(rest / length);
  let bias = 0;
  for (; rest > 455; bias += 36) rest = Math.floor(rest / 35);
  return bias + Math.floor((36 * rest) / (rest + 38));
}
