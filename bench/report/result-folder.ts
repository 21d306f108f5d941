// Where the results of a run are written.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { THIS_CHECKOUT } from '../subjects/own.js';
import type { ChartFile } from './charts.js';

export interface RunFiles {
  /** ISO 8601 */
  readonly date: string;
  /** Ends the name of the folder: the load tool, or what was measured. */
  readonly name: string;
  /** The content of `result.json`. */
  readonly result: unknown;
  /** The content of `tables.md`, which is printed as well. */
  readonly tables: string;
  readonly charts: readonly ChartFile[];
}

const RESULTS = join(THIS_CHECKOUT, 'bench/results');
const print = (text: string): void => void process.stdout.write(text);

/**
 * Writes a folder of its own for the run, and prints the tables. Call it when the run is complete: a run that
 * fails leaves none.
 */
export function writeResults(
  { date, name, result, tables, charts }: RunFiles,
  to: { readonly results: string; print(text: string): void } = { results: RESULTS, print },
): void {
  const folder = join(to.results, `${date.slice(0, 19).replaceAll(':', '-')}Z-${name}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(join(folder, 'tables.md'), tables);
  for (const chart of charts) writeFileSync(join(folder, chart.name), chart.svg);
  to.print(`${tables}\nwritten: ${folder}\n`);
}
