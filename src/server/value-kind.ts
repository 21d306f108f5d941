// What a value is, in words, for messages about a value of the wrong type. Looks at nothing that could throw.
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
