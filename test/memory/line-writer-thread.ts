// Writes numbered lines of many lengths into a ring as fast as it can, and waits where there is no room.
import { workerData } from 'node:worker_threads';
import { type RingMemory, RingWriter } from '#src/memory/line-ring.js';

const { memory, count } = workerData as { readonly memory: RingMemory; readonly count: number };
const ring = new RingWriter(memory);
for (let n = 0; n < count; n++) {
  const line = Buffer.from(`${n} ${'x'.repeat((n * 37) % 5000)}\n`);
  while (!ring.push(line));
}
