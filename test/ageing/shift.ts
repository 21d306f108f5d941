// Loaded into every thread of a process before anything else. It shifts the thread's clocks as if the process
// had run for AGE_MS milliseconds. Only the creation of shared memory reads the real time, so that the clock
// of the memory begins that long ago. When the process ends, the primary writes what that clock reads.
import { performance } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';

/** The beginning of the line of stderr, as aged.ts reads it. */
const READING = 'the shared clock reads, in ms: ';

const ageMs = Number(process.env.AGE_MS);
const ageNs = BigInt(Math.round(ageMs * 1e6));

const hrtime = process.hrtime.bigint.bind(process.hrtime);
// The bundle keeps the names of functions, but not of files.
const isBirth = (): boolean => /\bmakeMemory\b/.test(new Error('where').stack ?? '');
process.hrtime.bigint = () => (isBirth() ? hrtime() : hrtime() + ageNs);

const now = performance.now.bind(performance);
Object.defineProperty(performance, 'now', { value: () => now() + ageMs, configurable: true, writable: true });

if (isMainThread) {
  const made: SharedArrayBuffer[] = [];
  globalThis.SharedArrayBuffer = new Proxy(SharedArrayBuffer, {
    construct(target, [bytes]: [number]) {
      const buffer = new target(bytes);
      made.push(buffer);
      return buffer;
    },
  });
  const blockIn = (buffer: SharedArrayBuffer): Block[] => {
    try {
      return [Block.attach(buffer)];
    } catch {
      return []; // memory of another kind
    }
  };
  process.once('exit', () => {
    for (const block of made.flatMap(blockIn)) process.stderr.write(`${READING}${sharedClock(block)()}\n`);
  });
}
