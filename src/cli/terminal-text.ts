// Text for a terminal: escapes characters that could control it, and computes how many columns text occupies.

/**
 * Control characters, halves of surrogate pairs, characters that change the direction of text, and those that
 * are not seen.
 */
const CONTROLLING = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/**
 * Replaces characters by which text of another process could move the cursor or disguise itself as other
 * text.
 */
export const plain = (text: string): string => text.replaceAll(CONTROLLING, '?');

/**
 * Escapes such characters in JSON, so that a program still reads the original text.
 */
export const plainJson = (json: string): string =>
  json.replaceAll(CONTROLLING, (char) =>
    char === '\n' ? char : Array.from({ length: char.length }, (_, at) => escaped(char, at)).join(''),
  );

const escaped = (char: string, at: number): string =>
  `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`;

const PRINTABLE_ASCII = /^[ -~]*$/;
/** Combining marks and joiners, which occupy no column of their own. */
const NO_COLUMN = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
/** Han, Kana, Hangul, full-width signs (Unicode annex 11), and emoji, which occupy two columns. */
const TWO_COLUMNS =
  /^[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]$/u;

/** The number of columns that a text occupies. */
export function widthOf(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += columnsOf(char);
  return width;
}

/** The line, cut to the given number of columns; an ellipsis replaces the rest. */
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
