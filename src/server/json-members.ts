// A name that an object spells twice means one thing to the parser that keeps the first and another to the one that
// keeps the last (RFC 8259 section 4): what a proxy has checked need not be what is executed. JSON.parse keeps the
// last and says nothing, so the members that it made are compared with those that the text has.

/** @param value what JSON.parse made of the text; not nested too deep for recursion */
export function repeatsMember(text: string, value: unknown): boolean {
  const members = countMembers(value);
  // Every member has one colon. Only when there are more of them (in strings, or of repeated members) is it
  // worth telling them apart.
  return countColons(text) > members && countNames(text) > members;
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

function countColons(text: string): number {
  let count = 0;
  for (let at = text.indexOf(':'); at !== -1; at = text.indexOf(':', at + 1)) count++;
  return count;
}

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
