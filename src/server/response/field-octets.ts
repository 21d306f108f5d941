// Values of header fields that are no UTF-8, in the fields of a response that is passed on. Fields are text
// here, and the core writes text as UTF-8, so such a byte becomes a lone surrogate, which no text has, and is
// written as the byte again (the `surrogateescape` of Python, PEP 383).
const ESCAPES = 0xdc00;
const ESCAPED = /([\udc80-\udcff]+)/u;
const BEYOND_ASCII = /[\u0080-\uffff]/;
const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const NO_OCTET = /[^\0-\xff]/;

/**
 * Refuses characters of which only the lower half would be written: of U+010D that is a carriage return.
 * @throws TypeError for a value of which a character is no byte
 */
export function requireOctets(value: string): void {
  if (NO_OCTET.test(value)) throw new TypeError('a value of a header field has a character above U+00FF');
}

/**
 * @param latin1 a value of a field, one character per byte
 * @returns text that `octetsOf` writes as the same bytes
 * @throws TypeError for a character that is no byte
 */
export function textOfOctets(latin1: string): string {
  if (!BEYOND_ASCII.test(latin1)) return latin1;
  requireOctets(latin1);
  try {
    return UTF_8.decode(Buffer.from(latin1, 'latin1'));
  } catch {
    return latin1.replace(/[\x80-\xff]/g, (byte) => String.fromCharCode(ESCAPES + byte.charCodeAt(0)));
  }
}

/** The bytes that `octetsOf` writes, one character for each, as they are on the wire and in a `Headers`. */
export const byteString = (text: string): string =>
  BEYOND_ASCII.test(text) ? Buffer.from(octetsOf(text) as string).toString('latin1') : text;

/** @returns what the core has to write: the text itself where it has no escaped byte */
export function octetsOf(text: string): string | Uint8Array {
  if (text.isWellFormed()) return text;
  // The odd parts are those that the pattern has matched.
  const parts = text.split(ESCAPED).map((part, i) => Buffer.from(part, i % 2 === 0 ? 'utf8' : 'latin1'));
  return Buffer.concat(parts);
}
