// Finds the known name that a misspelt name was meant to be.

/** Levenshtein distance: the fewest letters to insert, delete or replace. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, letter] of from.split('').entries()) {
    const next = [index + 1];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = row[column - 1]! + (letter === to[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[column]! + 1, next[column - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}

/** The known name that `word` was probably meant to be; undefined when no known name is similar. */
export function suggestedName(word: string, known: readonly string[]): string | undefined {
  const name = nearestName(word, known);
  return distance(word.toLowerCase(), name.toLowerCase()) <= Math.max(2, word.length / 2) ? name : undefined;
}

/** The known name that is most similar to `word`, for "did you mean …?". */
export function nearestName(word: string, known: readonly string[]): string {
  const scored = known.map((name) => ({ name, score: distance(word.toLowerCase(), name.toLowerCase()) }));
  return scored.reduce((best, next) => (next.score < best.score ? next : best)).name;
}
