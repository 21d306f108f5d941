// Reads the text of JSON without parsing it.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const [OBJECT, OBJECT_END, ARRAY, ARRAY_END] = [0x7b, 0x7d, 0x5b, 0x5d];

/** @returns the index of the quote that ends the string whose first quote is at `start` */
export function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === BACKSLASH) i++;
    else if (char === QUOTE) return i;
  }
  return text.length;
}

/** True if objects and arrays are nested in more levels than this. */
export function isDeeperThan(levels: number, text: string): boolean {
  // A text with few brackets cannot be deep.
  if (!hasMoreBrackets(levels, text)) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) {
      i = endOfString(text, i);
    } else if (char === OBJECT || char === ARRAY) {
      if (++depth > levels) return true;
    } else if (char === OBJECT_END || char === ARRAY_END) {
      depth--;
    }
  }
  return false;
}

function hasMoreBrackets(limit: number, text: string): boolean {
  let count = 0;
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      if (++count > limit) return true;
    }
  }
  return false;
}
