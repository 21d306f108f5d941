// Text on a terminal: what may not reach it, and how many columns the rest takes.

/**
 * Control characters, halves of surrogate pairs, and what turns the direction of the text behind it around.
 */
const STEERING = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * What comes from elsewhere must neither move the cursor of whoever reads it nor show one text for another.
 */
export const plain = (text: string): string => text.replaceAll(STEERING, '?');

/**
 * The same in JSON, where such characters can be written as escapes: a program reads the text that it was.
 */
export const plainJson = (json: string): string =>
  json.replaceAll(STEERING, (char) =>
    char === '\n' ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const PRINTABLE_ASCII = /^[ -~]*$/;
/** Marks on the character before them, and joiners. */
const NO_COLUMN = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
/** Han, Kana, Hangul, their full-width signs (Unicode annex 11), and pictures. */
const TWO_COLUMNS =
  /^[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]$/u;

/** Columns that a text takes. */
export function widthOf(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += columnsOf(char);
  return width;
}

/** A line of at most so many columns; an ellipsis takes the place of what is cut off. */
export function fitted(line: string, columns: number): string {
  if (widthOf(line) <= columns) return line;
  let kept = '';
  let width = 1;
  for (const char of line) {
    width += columnsOf(char);
    if (width > columns) break;
    kept += char;
  }
  return columns < 1 ? '' : `${kept}…`;
}

function columnsOf(char: string): number {
  if (NO_COLUMN.test(char)) return 0;
  return TWO_COLUMNS.test(char) ? 2 : 1;
}
