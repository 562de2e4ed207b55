/** Days and times in the account's zone, in the language spoken. Moments are milliseconds. */

import { _, language, locale, ngettext } from './texts.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** @type {Map<string, boolean>} whether this browser knows a zone */
const known = new Map();

/**
 * A zone that times can be said in: the phone's own where this browser does not know `zone`.
 * @param {string | undefined} zone
 * @returns {string | undefined} undefined stands for the phone's own in Intl, too
 */
export function usableZone(zone) {
  if (!zone) return undefined;
  if (!known.has(zone)) known.set(zone, isKnown(zone));
  return known.get(zone) ? zone : undefined;
}

/** @param {string} zone */
function isKnown(zone) {
  try {
    return Boolean(new Intl.DateTimeFormat('en-CA', { timeZone: zone }));
  } catch {
    return false;
  }
}

/**
 * The day of a moment, as 2026-11-22.
 * @param {number} moment
 * @param {string | undefined} zone
 */
export function dayOf(moment, zone) {
  return new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  }).format(moment);
}

/**
 * The time of day.
 * @param {number} moment
 * @param {string | undefined} zone
 */
export function clock(moment, zone) {
  return shown(moment, { timeZone: zone, hour: 'numeric', minute: '2-digit' });
}

/**
 * Day and time, both in words.
 * @param {number} moment
 * @param {string | undefined} zone
 */
export function full(moment, zone) {
  return shown(moment, {
    timeZone: zone,
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    hour: 'numeric',
    minute: '2-digit',
  });
}

/**
 * Day and time, short: the day only where it is not `now`'s.
 * @param {number} moment
 * @param {string | undefined} zone
 * @param {number} now
 */
export function brief(moment, zone, now) {
  if (dayOf(moment, zone) === dayOf(now, zone)) return clock(moment, zone);
  return shown(moment, {
    timeZone: zone,
    day: 'numeric',
    month: 'short',
    hour: 'numeric',
    minute: '2-digit',
  });
}

/**
 * Today, tomorrow, or the day's name and date.
 * @param {number} moment
 * @param {string | undefined} zone
 * @param {number} now
 */
export function dayName(moment, zone, now) {
  const date = shown(moment, { timeZone: zone, weekday: 'long', day: 'numeric', month: 'long' });
  const day = dayOf(moment, zone);
  if (day === dayOf(now, zone)) return _('Today, {date}', { date });
  if (day === dayOf(now + DAY, zone)) return _('Tomorrow, {date}', { date });
  return date.charAt(0).toLocaleUpperCase(locale()) + date.slice(1);
}

/**
 * How long ago, in words.
 * @param {number} moment
 * @param {number} now
 */
export function ago(moment, now) {
  const passed = Math.max(0, now - moment);
  if (passed < MINUTE) return _('just now');
  const words = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto', style: 'short' });
  if (passed < HOUR) return words.format(-Math.floor(passed / MINUTE), 'minute');
  if (passed < DAY) return words.format(-Math.floor(passed / HOUR), 'hour');
  return words.format(-Math.floor(passed / DAY), 'day');
}

/**
 * A length of time in its largest unit.
 * @param {number} length milliseconds
 */
export function lasting(length) {
  if (length >= DAY) return ngettext('{count} day', '{count} days', Math.round(length / DAY));
  if (length >= HOUR) return ngettext('{count} hour', '{count} hours', Math.round(length / HOUR));
  return ngettext('{count} minute', '{count} minutes', Math.round(length / MINUTE));
}

/**
 * A span of a campaign in all its units.
 * @param {string} span DD:HH:MM
 */
export function spanOf(span) {
  const [days, hours, minutes] = span.split(':').map(Number);
  const words = [
    days && ngettext('{count} day', '{count} days', days),
    hours && ngettext('{count} hour', '{count} hours', hours),
    minutes && ngettext('{count} minute', '{count} minutes', minutes),
  ];
  return words
    .filter(Boolean)
    .map((word) => String(word).replaceAll(' ', '\u00a0'))
    .join(' ');
}

/**
 * As people write it in Quebec: 1er décembre, and 8 h, whose parts no line break comes between.
 * @param {number} moment
 * @param {Intl.DateTimeFormatOptions} form
 */
function shown(moment, form) {
  const parts = new Intl.DateTimeFormat(locale(), form).formatToParts(moment);
  if (language !== 'fr') return parts.map(({ value }) => value).join('');
  return parts.map(inFrench).join('');
}

/**
 * @param {Intl.DateTimeFormatPart} part
 * @param {number} place
 * @param {Intl.DateTimeFormatPart[]} parts
 */
function inFrench({ type, value }, place, parts) {
  const onTheHour = parts.some((part) => part.type === 'minute' && part.value === '00');
  if (type === 'day' && value === '1') return '1er';
  if (type === 'minute' && onTheHour) return '';
  if (parts[place - 1]?.type !== 'hour') return value;
  return onTheHour ? '\u00a0h' : '\u00a0h\u00a0';
}
