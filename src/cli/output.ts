// What commands print on stdout: a table for people, or JSON for programs.
import type { Command } from 'commander';

export interface OutputOptions {
  readonly json?: true;
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON');
}

/** Resolves when the reader has it all, or has left: `multilane routes | head` is no failure. */
export function print(text: string): Promise<void> {
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

export const printJson = (value: unknown): Promise<void> => print(`${JSON.stringify(value, undefined, 2)}\n`);

/** What comes from elsewhere must not move the cursor of whoever reads it. */
export const plain = (text: string): string => text.replaceAll(/\p{Cc}/gu, '?');

/** Columns as wide as their widest cell; numbers to the right. */
export function tableOf(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => String(row[column] ?? '').length)),
  );
  const numeric = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'),
  );
  const line = (cells: readonly (string | number)[]): string =>
    widths
      .map((width, column) => {
        const cell = plain(String(cells[column] ?? ''));
        return numeric[column] ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [head, ...rows].map((cells) => `${line(cells)}\n`).join('');
}
