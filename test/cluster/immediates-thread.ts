// A thread of a test that sets immediates, some of which stall until they are interrupted.
import { AsyncResource } from 'node:async_hooks';
import { parentPort } from 'node:worker_threads';
import { interruptible } from './interruptible-loop.js';

/**
 * What an immediate of a batch does: it reports that it ran, or stalls, either itself, or in a tick, in a
 * microtask, or in an asynchronous context of its own.
 */
export type Step = 'run' | 'stall' | 'tick' | 'microtask' | 'nested' | 'cleared' | 'next batch';
/** The number of the step that ran. */
export type Ran = number;
/** Posted instead of a number: all batches have been run. */
export const END = -1;

const STANDS_MS = 20;

const port = parentPort!;
const storage = interruptible<{ readonly step: number }>(STANDS_MS);

function stall(): never {
  for (;;);
}

/** Stalls below more frames than the top of a stack shows. */
function deep(frames: number): never {
  return frames === 0 ? stall() : deep(frames - 1);
}

function set(step: Step, number: number): NodeJS.Immediate {
  return storage.run({ step: number }, () =>
    setImmediate((given: number) => {
      if (step === 'stall') stall();
      if (step === 'nested') new AsyncResource('nested').runInAsyncScope(deep, undefined, 150);
      if (step === 'tick') process.nextTick(stall);
      if (step === 'microtask') queueMicrotask(stall);
      if (step === 'next batch') {
        setImmediate(() => port.postMessage(given));
        return;
      }
      if (storage.getStore()?.step === given) port.postMessage(given);
    }, number),
  );
}

port.on('message', (steps: readonly Step[]) => {
  if (steps.length === 0) setImmediate(() => setImmediate(() => port.postMessage(END)));
  const immediates = steps.map(set);
  for (const [number, step] of steps.entries()) if (step === 'cleared') clearImmediate(immediates[number]);
});
port.postMessage(END);
