// Prints the output of commands on stdout, as a table for people or as JSON for programs. All commands use
// this module, because it escapes text of other processes that could control the terminal.
import type { Command } from 'commander';
import { counted } from '../counted.js';
import { fitted, plain, plainJson, widthOf } from './terminal-text.js';

export interface OutputOptions {
  readonly json?: true;
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON');
}

/** Moves the cursor to the upper left corner and clears the screen. */
const CLEAR = '\x1b[H\x1b[2J';
/** The assumed size of a terminal that reports none or 0. */
const [COLUMNS, ROWS] = [80, 24];

/** Resolves when all is written, or when the reader has closed the pipe, as in `multilane routes | head`. */
export const print = (lines: readonly string[]): Promise<void> =>
  write(lines.map((line) => `${plain(line)}\n`).join(''));

export const printJson = (value: unknown): Promise<void> =>
  write(`${plainJson(JSON.stringify(value, undefined, 2))}\n`);

/** Replaces the content of the terminal by the lines, cut to its size. */
export function printScreen(lines: readonly string[]): Promise<void> {
  const { columns, rows } = process.stdout;
  return write(CLEAR + screenOf(lines, columns || COLUMNS, rows || ROWS).join('\n'));
}

/** @returns at most `rows` lines; when some are omitted, the last one shows how many */
export function screenOf(lines: readonly string[], columns: number, rows: number): readonly string[] {
  const shown =
    lines.length <= rows
      ? lines
      : [...lines.slice(0, Math.max(0, rows - 1)), `… ${counted(lines.length - rows + 1, 'more line')}`];
  return shown.map((line) => fitted(plain(line), columns));
}

function write(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void =>
      error.code === 'EPIPE' ? resolve() : reject(error);
    process.stdout.once('error', failed);
    process.stdout.write(text, (error) => {
      // The error event follows this callback.
      if (error) return;
      process.stdout.removeListener('error', failed);
      resolve();
    });
  });
}

/** Lines of a table. Columns are as wide as their widest cell; numbers are aligned to the right. */
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
