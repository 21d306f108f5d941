// Tests keep their temporary files in memory where the machine has enough of it. They start and stop some
// hundred processes, most of them with a PostgreSQL that waits for the disk at every commit, checkpoint and
// end. A kill leaves the same data in memory as on a disk, and no test simulates a loss of power. Loaded by
// .mocharc.json before any other file; with --parallel the processes of the tests inherit the choice. A
// TMPDIR that is set is kept.
import { readFileSync, statfsSync } from 'node:fs';

const FOLDER = '/dev/shm';
/** Several servers at a time, and a package that is installed. */
const ENOUGH_BYTES = 2 * 1024 ** 3;

function isSuitable(): boolean {
  try {
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    const [, , type, options] = mounts.map((line) => line.split(' ')).find(([, at]) => at === FOLDER) ?? [];
    const { bavail, bsize } = statfsSync(FOLDER);
    // The HTTP core and a project's own PostgreSQL are loaded from temporary folders.
    const mayExecute = options !== undefined && !options.split(',').includes('noexec');
    return (
      type === 'tmpfs' && mayExecute && Math.min(bavail * bsize, process.availableMemory()) >= ENOUGH_BYTES
    );
  } catch {
    return false; // not on Linux
  }
}

if (process.env.TMPDIR === undefined && isSuitable()) process.env.TMPDIR = FOLDER;
