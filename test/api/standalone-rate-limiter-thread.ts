// Takes one request from a limiter of another thread: see standalone-rate-limiter.test.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { createRateLimiter } from 'multilane';

const limiter = createRateLimiter({ limit: '1/minute;burst=2', memory: workerData as SharedArrayBuffer });
parentPort!.postMessage(limiter.take('a').allowed);
