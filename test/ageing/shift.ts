// Loaded before anything else into every thread of a process: its clocks say that it has run for AGE_MS
// milliseconds already. Only the moment at which shared memory is made is the real one, so that its clock
// begins that long ago.
import { performance } from 'node:perf_hooks';

const ageMs = Number(process.env.AGE_MS);
const ageNs = BigInt(Math.round(ageMs * 1e6));

const hrtime = process.hrtime.bigint.bind(process.hrtime);
const isBirth = (): boolean => (new Error('where').stack ?? '').includes('/memory/header.js');
process.hrtime.bigint = () => (isBirth() ? hrtime() : hrtime() + ageNs);

const now = performance.now.bind(performance);
Object.defineProperty(performance, 'now', { value: () => now() + ageMs, configurable: true, writable: true });
