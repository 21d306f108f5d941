// Takes as many places of a bulkhead as it gets and keeps them: see bulkhead.test.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { createBulkhead } from 'multilane';

const bulkhead = createBulkhead({ limit: 5, memory: workerData as SharedArrayBuffer });
let got = 0;
for (let n = 0; n < 9; n++) {
  void bulkhead.run(() => new Promise<never>(() => got++)).catch(() => undefined);
}
parentPort!.postMessage(got);
// Its end is the other thread's to decide.
parentPort!.ref();
parentPort!.on('message', () => undefined);
