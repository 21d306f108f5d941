// A number that the docs promise, and the constant of the code that must equal it.

export const KIB = 1024;
export const SECOND = 1000;
export const PERCENT = 0.01;

export interface Promised {
  readonly page: string;
  /** The words around the number, which `#` stands for. */
  readonly words: string;
  /** A module of `src`, or a file of the dashboard. */
  readonly module: string;
  readonly constant: string;
  /** Factor from the number in the docs to the constant. @default 1 */
  readonly unit?: number;
}

/** @param numbers words, module, constant and unit of each */
export const promisedOn = (
  page: string,
  numbers: readonly (readonly [words: string, module: string, constant: string, unit?: number])[],
): readonly Promised[] =>
  numbers.map(([words, module, constant, unit = 1]) => ({ page, words, module, constant, unit }));
