// Compares rows of tables in the docs with what a simulation gives. A change of the code may move the numbers
// a little; when it moves them more, the docs have to say so.
import { expect } from 'chai';

/** The share by which a number may differ. */
const TOLERANCE = 0.25;
const NUMBER = /^\d+(?:\.\d+)?(?: %)?$/;

/** The rows of all tables of a page, each as its cells. */
export const tableRows = (page: string): readonly (readonly string[])[] =>
  page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()));

const isNumber = (cell: string): boolean => NUMBER.test(cell);

/**
 * Expects that one of the rows has the same words, and numbers that are near to those of a row.
 * @param least the difference that any number but a percentage may have
 */
export function expectNear(
  row: readonly string[],
  rows: readonly (readonly string[])[],
  { least = 1 } = {},
): void {
  const words = row.filter((cell) => !isNumber(cell));
  const shown = rows.find(
    (other) => other.length === row.length && words.every((word) => other.includes(word)),
  );
  expect(shown, `the row of ${words.join(', ')}`).to.not.equal(undefined);
  for (const [n, cell] of row.entries()) {
    if (!isNumber(cell)) continue;
    const [is, says] = [Number.parseFloat(cell), Number.parseFloat(shown![n]!)];
    const most = Math.max(cell.endsWith('%') ? 0.1 : least, TOLERANCE * says);
    const title = `${words.join(', ')}: ${shown![n]} in the docs is ${cell} now (npm run bench:mesh)`;
    expect(Math.abs(is - says), title).to.be.at.most(most);
  }
}
