// Collects garbage after every tenth file of tests. Each server of a test has a block of shared memory of
// 32 MiB, of which V8 does not know: it would keep hundreds of them, until the system refuses to start a
// process.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
/** Collects garbage now, for a test that makes many blocks by itself. */
export const collect = runInNewContext('gc') as () => void;

const EVERY = 10;
let files = 0;

export const mochaHooks = {
  afterAll(): void {
    files += 1;
    if (files % EVERY === 0) collect();
  },
};
