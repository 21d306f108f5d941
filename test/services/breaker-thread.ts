// A thread of a program without a server, and its breaker: see breaker.test.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { createBreaker, HttpError } from 'multilane';
import { type Order, SETTINGS, type Told } from './breaker-orders.js';

const port = parentPort!;
const breaker = createBreaker({ ...SETTINGS, memory: workerData as SharedArrayBuffer });
/** Ends the work that is held, well. */
let release: (() => void)[] = [];

const codeOf = (error: unknown): string => (error instanceof HttpError ? error.code : String(error));

port.on('message', async (order: Order) => {
  switch (order) {
    case 'fail': {
      let code = '';
      const work = (): Promise<never> => Promise.reject(new Error('down'));
      await breaker.run(work).catch((error: unknown) => (code = codeOf(error)));
      port.postMessage({ code } satisfies Told);
      break;
    }
    case 'hold': {
      // More than there are probes, all at once.
      const runs = Array.from({ length: 10 }, () =>
        breaker.run(() => new Promise<void>((resolve) => release.push(resolve))),
      );
      for (const run of runs) run.catch(() => undefined);
      // Admitted or refused by now: work begins before anything is awaited.
      port.postMessage({ held: release.length } satisfies Told);
      break;
    }
    case 'release': {
      for (const one of release) one();
      release = [];
      await new Promise((resolve) => setImmediate(resolve));
      port.postMessage({} satisfies Told);
    }
  }
});
port.postMessage({} satisfies Told);
