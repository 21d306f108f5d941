// Collects garbage between files of tests, when much address space is in use. Each server of a test has a
// block of shared memory of 40 MiB, of which V8 does not know: it would keep hundreds of them, until the
// system refuses to start a process.
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * With its default, glibc takes a later block from memory of one that was freed, once it has freed one of
 * less than 32 MiB, and fills it with zeros: hundreds of blocks then fill the memory of the machine. Memory
 * that the system maps for each block is used only where it is written. The processes of `--parallel` inherit
 * this.
 */
process.env.MALLOC_MMAP_THRESHOLD_ ??= String(2 ** 20);

setFlagsFromString('--expose-gc');
/** A test that makes many blocks collects them itself. */
export const collect = runInNewContext('gc') as () => void;

/** A collection takes long, so it is not made for less. */
const GROWN_BYTES = 2 ** 31;
const PAGE_BYTES = 4096;
let least = Number.POSITIVE_INFINITY;

export const mochaHooks = {
  afterAll(): void {
    const before = addressSpace();
    least = Math.min(least, before);
    if (before - least < GROWN_BYTES) return;
    collect();
    least = addressSpace();
  },
};

const addressSpace = (): number =>
  Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[0]) * PAGE_BYTES;
