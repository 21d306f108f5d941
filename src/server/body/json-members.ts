// A name that an object spells twice means one thing to the parser that keeps the first and another to the
// one that keeps the last (RFC 8259 section 4): what a proxy has checked need not be what is executed.
// JSON.parse keeps the last and says nothing, so the members that it made are compared with those that the
// text has.

/** @param value what JSON.parse made of the text; not nested too deep for recursion */
export function repeatsMember(text: string, value: unknown): boolean {
  const members = countMembers(value);
  // Only when there are more places that look like the end of a name (in strings, or of repeated members) is
  // it worth reading the text once more.
  return countLikely(text) > members && countNames(text) > members;
}

function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) count += countMembers(value[i]);
    return count;
  }
  // Made by JSON.parse: everything enumerable is its own.
  for (const name in value) count += 1 + countMembers((value as Record<string, unknown>)[name]);
  return count;
}

/** Colons behind a quote, at least all that end a name: not those of times and URLs. */
function countLikely(text: string): number {
  let count = 0;
  for (let at = text.indexOf(':'); at !== -1; at = text.indexOf(':', at + 1)) {
    let before = at - 1;
    while (isSpace(text.charCodeAt(before))) before--;
    if (text.charCodeAt(before) === 0x22) count++;
  }
  return count;
}

const isSpace = (char: number): boolean => char === 0x20 || char === 0x0a || char === 0x0d || char === 0x09;

/** Colons outside of strings. */
function countNames(text: string): number {
  let count = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (inString) {
      if (char === 0x5c) i++;
      else if (char === 0x22) inString = false;
    } else if (char === 0x22) {
      inString = true;
    } else if (char === 0x3a) {
      count++;
    }
  }
  return count;
}
