// A thread of a program without a server, and its breaker: see standalone-breaker.test.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { createBreaker, HttpError } from 'multilane';
import { type Order, SETTINGS, type Told } from './breaker-orders.js';

const port = parentPort!;
const breaker = createBreaker({ ...SETTINGS, memory: workerData as SharedArrayBuffer });
/** Ends the calls that are held, successfully. */
let release: (() => void)[] = [];

const codeOf = (error: unknown): string => (error instanceof HttpError ? error.code : String(error));

async function carryOut(order: Order): Promise<Told> {
  switch (order) {
    case 'fail': {
      const work = (): Promise<never> => Promise.reject(new Error('down'));
      return { code: await breaker.run(work).catch(codeOf) };
    }
    case 'hold': {
      const runs = Array.from({ length: 10 }, () =>
        breaker.run(() => new Promise<void>((resolve) => release.push(resolve))),
      );
      for (const run of runs) run.catch(() => undefined);
      // Calls are admitted or refused by now: `run` begins them before it awaits anything.
      return { held: release.length };
    }
    case 'release':
      for (const one of release) one();
      release = [];
      // Posted after the results of the ended calls.
      await new Promise((resolve) => setImmediate(resolve));
      return {};
  }
}

port.on('message', (order: Order) => {
  void carryOut(order).then((told) => port.postMessage(told));
});
port.postMessage({} satisfies Told);
