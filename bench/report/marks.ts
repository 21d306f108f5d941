// The marks of figures that must be read with care, the same in the tables of all benches.
import type { Result } from '../summarize.js';

/** From here on the requests/s are those of the load tool and not of the server. */
const SATURATED = 0.9;
/** From here on the failed requests of a row are too many for its CPU time per completed request. */
const DOUBTFUL = 0.01;

/** `!` behind a ratio. @param rows those that the ratio is of */
export const failureMark = (...rows: readonly Pick<Result, 'failedShare'>[]): '!' | '' =>
  rows.some(({ failedShare }) => failedShare > DOUBTFUL) ? '!' : '';

/** `*` behind requests/s. */
export const saturationMark = ({ generatorShare }: Pick<Result, 'generatorShare'>): '*' | '' =>
  generatorShare.median >= SATURATED ? '*' : '';

const NOTES = {
  '!': '! More than 1 % of the requests failed, and the rest is charged with them.',
  '*': '\\* The load tool used its whole core: the server could do more.',
} as const;

/** The meaning of the marks that occur, each in a paragraph of its own; empty without one. */
export const notesOn = (marks: readonly string[]): string =>
  (['!', '*'] as const)
    .filter((mark) => marks.includes(mark))
    .map((mark) => `\n\n${NOTES[mark]}`)
    .join('');
