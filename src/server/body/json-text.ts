// Reads the text of a JSON document for what JSON.parse does not report: an object that has the same key
// twice. One parser keeps the first of the two and another the last (RFC 8259 section 4), so the value that a
// proxy has checked need not be the one that is used here. JSON.parse keeps the last, therefore the members
// that it made are counted and compared with those in the text.
import { endOfString } from '../../json-scan.js';

const QUOTE = 0x22;
const COLON = 0x3a;

/** @param members the number of members of the value that JSON.parse made of the text */
export function hasRepeatedMember(text: string, members: number): boolean {
  // The text is read character by character only when it has more colons that may follow a name than the
  // value has members: some of them are in strings, or a member is repeated.
  return countLikelyNames(text) > members && countNames(text) > members;
}

/**
 * Counts the colons that follow a quote. Every colon after a name is among them; a colon inside of a string,
 * for example in a time or a URL, rarely is.
 */
function countLikelyNames(text: string): number {
  let count = 0;
  for (let at = text.indexOf(':'); at !== -1; at = text.indexOf(':', at + 1)) {
    let before = at - 1;
    while (isSpace(text.charCodeAt(before))) before--;
    if (text.charCodeAt(before) === QUOTE) count++;
  }
  return count;
}

const isSpace = (char: number): boolean => char === 0x20 || char === 0x0a || char === 0x0d || char === 0x09;

/** Counts colons outside of strings. */
function countNames(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) i = endOfString(text, i);
    else if (char === COLON) count++;
  }
  return count;
}
