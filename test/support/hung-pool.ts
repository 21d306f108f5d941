// Keeps all libuv pool threads of this process in open(2) of a FIFO that no process writes to, as in a file
// system that hangs.
import { execFileSync } from 'node:child_process';
import { close, closeSync, mkdtempSync, open, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The default of libuv, which no test changes. */
const POOL_THREADS = 4;

/** Blocks all pool threads. @returns a function that releases them */
export function hangPool(): () => Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'multilane-fifo-'));
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const opened = Array.from(
    { length: POOL_THREADS },
    () =>
      new Promise<void>((resolve) => {
        open(fifo, 'r', (_error, fd) => {
          if (fd !== undefined) close(fd);
          resolve();
        });
      }),
  );
  return async () => {
    const writer = openSync(fifo, 'r+');
    await Promise.all(opened);
    closeSync(writer);
    rmSync(folder, { recursive: true });
  };
}
