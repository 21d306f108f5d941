// Finds the known name that a misspelt name was meant to be.

/**
 * The fewest letters to insert, delete, replace, or swap with the next one (Damerau-Levenshtein, optimal
 * string alignment).
 */
function distance(from: string, to: string): number {
  let before: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let index = 0; index < from.length; index += 1) {
    const next = [index + 1];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = row[column - 1]! + (from[index] === to[column - 1] ? 0 : 1);
      const isSwapped = index > 0 && from[index] === to[column - 2] && from[index - 1] === to[column - 1];
      const swapped = isSwapped ? before[column - 2]! + 1 : Infinity;
      next.push(Math.min(replaced, swapped, row[column]! + 1, next[column - 1]! + 1));
    }
    before = row;
    row = next;
  }
  return row[to.length]!;
}

/** Letters from which on the beginning of a name suggests it. */
const SHORTEST_BEGINNING = 3;

/** Whether `word` is the beginning of `name`, or differs from it in at most a third of the letters. */
function isSimilar(word: string, name: string): boolean {
  const letters = Math.max(word.length, name.length);
  if (word.length >= SHORTEST_BEGINNING && name.startsWith(word)) return true;
  const most = Math.min(Math.max(1, Math.floor(letters / 3)), letters - 1);
  return distance(word, name) <= most;
}

/** The known name that `word` was probably meant to be; undefined when no known name is similar. */
export function suggestedName(word: string, known: readonly string[]): string | undefined {
  const written = word.toLowerCase();
  const scored = known
    .filter((name) => isSimilar(written, name.toLowerCase()))
    .map((name) => ({ name, score: distance(written, name.toLowerCase()) }));
  return scored.toSorted((one, other) => one.score - other.score)[0]?.name;
}
