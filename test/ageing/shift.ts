// Loaded into every thread of a process before anything else. It shifts the thread's clocks as if the process
// had run for AGE_MS milliseconds. Only the creation of shared memory reads the real time, so that the clock
// of the memory begins that long ago.
import { performance } from 'node:perf_hooks';

const ageMs = Number(process.env.AGE_MS);
const ageNs = BigInt(Math.round(ageMs * 1e6));

const hrtime = process.hrtime.bigint.bind(process.hrtime);
const isBirth = (): boolean => (new Error('where').stack ?? '').includes('/memory/header.js');
process.hrtime.bigint = () => (isBirth() ? hrtime() : hrtime() + ageNs);

const now = performance.now.bind(performance);
Object.defineProperty(performance, 'now', { value: () => now() + ageMs, configurable: true, writable: true });
