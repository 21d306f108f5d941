// Acquires as many permits of a bulkhead as it gets and holds them: see standalone-bulkhead.test.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { createBulkhead } from 'multilane';

const bulkhead = createBulkhead({ limit: 5, memory: workerData as SharedArrayBuffer });
let got = 0;
for (let n = 0; n < 9; n++) {
  void bulkhead.run(() => new Promise<never>(() => got++)).catch(() => undefined);
}
parentPort!.postMessage(got);
// The other thread ends this one.
parentPort!.ref();
parentPort!.on('message', () => undefined);
