// A thread that sets immediates, some of which stand still until they are broken off.
import { AsyncResource } from 'node:async_hooks';
import { parentPort } from 'node:worker_threads';
import { interruptible } from './interruptible-loop.js';

/**
 * What each immediate of a batch does: says that it ran; stands still, itself, in a tick or a microtask or in
 * a context of its own.
 */
export type Step = 'run' | 'stand' | 'tick' | 'microtask' | 'nested' | 'cleared' | 'next batch';
/** The number of the step that ran. */
export type Ran = number;
/** In place of a number: as many batches have been run as it takes. */
export const END = -1;

const STANDS_MS = 20;

const port = parentPort!;
const storage = interruptible<{ readonly step: number }>(STANDS_MS);

function stand(): never {
  for (;;);
}

/** More frames than a look at the top of the stack would show. */
function deep(frames: number): never {
  return frames === 0 ? stand() : deep(frames - 1);
}

function set(step: Step, number: number): NodeJS.Immediate {
  return storage.run({ step: number }, () =>
    setImmediate((given: number) => {
      if (step === 'stand') stand();
      if (step === 'nested') new AsyncResource('nested').runInAsyncScope(deep, undefined, 150);
      if (step === 'tick') process.nextTick(stand);
      if (step === 'microtask') queueMicrotask(stand);
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
