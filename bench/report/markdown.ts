// Tables in Markdown that are also readable in a terminal.
import type { Spread } from '../statistics.js';

const RIGHT = '---:';

/** @param words the number of first columns that contain words; the others contain numbers */
export function table(head: readonly string[], body: readonly (readonly string[])[], words = 1): string {
  const rows = [head, ...body];
  const widths = head.map((_, column) => Math.max(4, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells
      .map((cell, column) => (column < words ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join(' | ')} |`;
  const rule = `| ${widths
    .map((width, column) => (column < words ? '-'.repeat(width) : RIGHT.padStart(width, '-')))
    .join(' | ')} |`;
  return [line(head), rule, ...body.map(line)].join('\n');
}

/** The median with its range. */
export const range = ({ median, min, max }: Spread, digits: number): string =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}..${max.toFixed(digits)})`;
