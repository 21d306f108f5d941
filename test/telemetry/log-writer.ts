// A program for log-sink.test.ts: THREADS workers write LINES lines each, of lengths around PIPE_BUF, a few
// at a time so that a reader can follow.
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { createLogger } from '#src/telemetry/log.js';

if (isMainThread) {
  const [threads, lines] = process.argv.slice(2).map(Number);
  for (let worker = 1; worker <= threads!; worker++) {
    new Worker(fileURLToPath(import.meta.url), { workerData: { worker, lines } });
  }
} else {
  const { worker, lines } = workerData as { worker: number; lines: number };
  const log = createLogger({ logLevel: 'info', logFormat: 'json' }, { worker });
  for (let n = 0; n < lines; n++) {
    log.info({ n, filler: 'x'.repeat((n * 53) % 5000) }, 'line');
    if (n % 10 === 9) await setImmediate();
  }
}
