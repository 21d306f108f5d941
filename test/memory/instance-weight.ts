// Names of instances of many lengths, and a count that follows from each, so that a name with the count of
// another is recognized.

export const nameOf = (n: number): string => `${n}-`.repeat((n % 7) + 1);

export function weightOf(name: string): number {
  let weight = 1;
  for (const char of name) weight = (weight * 31 + char.charCodeAt(0)) % 65_521;
  return weight + 1;
}
