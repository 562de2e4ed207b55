/** Ids that are made on the device and sort by the time they were made. */

/**
 * A UUIDv7 (RFC 9562).
 * @param {number} now milliseconds since 1970 by the device's clock
 * @returns {string}
 */
export function newId(now) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const time = Math.min(Math.max(Math.floor(now), 0), 2 ** 48 - 1);
  for (let place = 0; place < 6; place += 1) {
    bytes[place] = Math.floor(time / 2 ** (8 * (5 - place))) % 256;
  }
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
