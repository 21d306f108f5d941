// What commands print on stdout, a table for people or JSON for programs. It is the one place that does:
// whatever text of another process is in it, the terminal shows it and does nothing else.
import type { Command } from 'commander';
import { fitted, plain, plainJson, widthOf } from './terminal-text.js';

export interface OutputOptions {
  readonly json?: true;
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON');
}

/** Cursor to the corner, and everything below it cleared. */
const CLEAR = '\x1b[H\x1b[2J';
/** Of a terminal that does not say how large it is: it says 0, or nothing. */
const [COLUMNS, ROWS] = [80, 24];

/** Resolves when the reader has it all, or has left: `multilane routes | head` is no failure. */
export const print = (lines: readonly string[]): Promise<void> =>
  write(lines.map((line) => `${plain(line)}\n`).join(''));

export const printJson = (value: unknown): Promise<void> =>
  write(`${plainJson(JSON.stringify(value, undefined, 2))}\n`);

/** In place of what the terminal shows: as much of each line, and as many lines, as fit onto it. */
export function printScreen(lines: readonly string[]): Promise<void> {
  const { columns, rows } = process.stdout;
  return write(CLEAR + screenOf(lines, columns || COLUMNS, rows || ROWS).join('\n'));
}

/** @returns at most `rows` lines; the last one says how many more there are */
export function screenOf(lines: readonly string[], columns: number, rows: number): readonly string[] {
  const shown =
    lines.length <= rows
      ? lines
      : [...lines.slice(0, Math.max(0, rows - 1)), `… ${lines.length - rows + 1} more lines`];
  return shown.map((line) => fitted(plain(line), columns));
}

function write(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void =>
      error.code === 'EPIPE' ? resolve() : reject(error);
    process.stdout.once('error', failed);
    process.stdout.write(text, (error) => {
      // The error event comes after this call.
      if (error) return;
      process.stdout.removeListener('error', failed);
      resolve();
    });
  });
}

/** Lines of columns as wide as their widest cell; numbers to the right. */
export function tableOf(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): readonly string[] {
  const lines = [head, ...rows].map((cells) => head.map((_, column) => plain(String(cells[column] ?? ''))));
  const widths = head.map((_, column) =>
    lines.reduce((widest, cells) => Math.max(widest, widthOf(cells[column]!)), 0),
  );
  const numeric = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'),
  );
  return lines.map((cells) =>
    cells
      .map((cell, column) => {
        const space = ' '.repeat(widths[column]! - widthOf(cell));
        return numeric[column] ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd(),
  );
}
