// A worker thread of a test in which code of a service posts invalid messages to the primary, before and
// after the thread is ready.
import { parentPort, workerData } from 'node:worker_threads';
import type { FromWorker, ToWorker, WorkerBoot } from '#src/cluster/messages.js';

const { slot, cpuPort } = workerData as WorkerBoot;
const port = parentPort!;
const send = (message: FromWorker): void => port.postMessage(message);
const descriptor = { slot, app: undefined };
const bytes = new Uint8Array(8);
const run = { type: 'run', id: 1, module: 'm', task: 't', input: bytes };

/** Messages that once ended the process, or were mistaken for messages of the runtime. */
const NOISE: readonly unknown[] = [
  ...[null, undefined, 0, '', 'ready', 1n, true, [], {}, new Error('no'), new Map(), bytes],
  ...[{ type: null }, { type: {} }, { type: 'toString' }, { type: '__proto__' }, { type: 'leave' }],
  ...[{ type: 'ready' }, { type: 'ready', descriptor: null }, { type: 'ready', descriptor: {} }],
  ...['a text', 0, Number.NaN, {}, null].map((app) => ({ type: 'ready', descriptor: { slot, app } })),
  { type: 'ready', descriptor: { slot: slot + 1, app: undefined }, routes: [] },
  ...[
    { type: 'leaving' },
    { type: 'leaving', reason: 'no' },
    { type: 'leaving', reason: 'stalled', detail: 1 },
  ],
  ...[{ type: 'serving' }, { type: 'serving', service: {} }, { type: 'serving', service: 'unknown' }],
  ...[{ type: 'failed' }, { type: 'failed', detail: { circular: bytes } }, { type: 'fatal', detail: null }],
  ...[{ type: 'refused' }, { type: 'refused', message: 'm' }, { type: 'refused', message: 'm', exitCode: 0 }],
  ...[{ type: 'run' }, { type: 'abort', id: '1' }, { ...run, id: 0.5 }, { ...run, task: { toString: 1 } }],
  ...[
    { ...run, input: bytes.subarray(1) },
    { ...run, input: new Uint8Array(new SharedArrayBuffer(8)) },
  ],
  ...[
    { ...run, input: 'text' },
    { ...run, remainingMs: Number.NaN },
    { ...run, module: undefined },
  ],
];

function babble(): void {
  for (const noise of NOISE) {
    port.postMessage(noise);
    cpuPort.postMessage(noise);
  }
}

babble();
send({ type: 'ready', descriptor, routes: NOISE });
babble();
send({ type: 'ready', descriptor, routes: 'a second one' });
send({ type: 'failed', detail: 'the last word' });

port.on('message', ({ type }: ToWorker) => {
  babble();
  if (type === 'drain') {
    send({ type: 'leaving', reason: 'drained', detail: undefined });
    send({ type: 'leaving', reason: 'stalled', detail: undefined });
    babble();
  }
  if (type === 'detached') process.exit(0);
});
