// Runs calls in a bulkhead in several loops, beside other threads, and counts them: see
// standalone-bulkhead.test.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { createBulkhead } from 'multilane';

export interface Looping {
  readonly memory: SharedArrayBuffer;
  readonly limit: number;
  readonly loops: number;
  readonly workMs: number;
}

const { memory, limit, loops, workMs } = workerData as Looping;
const bulkhead = createBulkhead({ limit, queue: loops, queueMs: 60_000, memory });
let done = 0;
let isOver = false;
const work = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, workMs));

async function loop(): Promise<void> {
  while (!isOver) {
    await bulkhead.run(work);
    done++;
  }
}

parentPort!.once('message', () => {
  const all = Array.from({ length: loops }, loop);
  parentPort!.once('message', () => {
    const counted = done;
    isOver = true;
    void Promise.all(all).then(() => {
      parentPort!.postMessage(counted);
      parentPort!.close();
    });
  });
});
parentPort!.postMessage('ready');
