// Leaves what Node.js has entered for the code that runs, so that the code can be interrupted (see
// interrupt.ts).
//
// V8 ends code without running any `finally`, and Node.js relies on some of them:
// - One leaves the asynchronous contexts. Here Node.js does that by its own means, as if an uncaught
//   exception had been handled.
// - Another one is in the `run` of AsyncLocalStorage. Its store would remain for every later callback of the
//   HTTP core, since these share one resource. So the stores are emptied (up to Node.js 22, where they are
//   properties of resources).
// - Immediates are run in batches, and Node.js records which one is next after each of them. When one is
//   interrupted, Node.js starts again: if it was the first of its batch, with the batch that has been filled
//   meanwhile, so the rest of the old one would be lost; otherwise with the interrupted one itself, which
//   would fail again and again and stall the loop. So the rest of the batch is moved into the next one, and
//   the interrupted immediate gets a callback that does nothing.
//
// Node.js counts immediates, and one that runs twice is subtracted twice. With a count that is too low by
// one, Node.js would not run the last one. Hence one immediate always waits. It does not keep the loop alive,
// so it runs only together with others.
import { executionAsyncId, executionAsyncResource } from 'node:async_hooks';

/** An immediate of Node.js, in the linked list of its batch. */
interface Immediate {
  _idleNext: Immediate | null;
  _idlePrev: Immediate | null;
  _onImmediate: (() => void) | null;
  _argv: unknown;
  _destroyed: boolean;
}

interface WithFatalException {
  _fatalException?(error: Error): boolean;
}

const doNothing = (): void => undefined;

export interface AsyncContexts {
  /**
   * Whether the contexts can be left. They cannot when code of a service handles uncaught exceptions itself,
   * nor when an immediate runs that cannot be found, because it has entered a context of its own.
   * @param calls the frames, innermost first: file and function for those of Node.js
   */
  canLeave(calls: readonly string[]): boolean;
  /** Call it only after `canLeave` has returned true for the same frames. */
  leave(): void;
}

/** Prepares for leaving contexts. Call it before code of services can have changed anything. */
export function asyncContexts(): AsyncContexts {
  const later = setImmediate;
  const append = (): Immediate => later(doNothing) as unknown as Immediate;
  const ImmediateClass = append().constructor;
  const running = (): Immediate | undefined => {
    const resource = executionAsyncResource();
    return resource instanceof ImmediateClass ? (resource as Immediate) : undefined;
  };
  const wait = (): void => void later(wait).unref();

  return {
    canLeave(calls) {
      if (executionAsyncId() === 0) return true;
      if (process.hasUncaughtExceptionCaptureCallback()) return false;
      const caller = calls.indexOf('node:internal/timers processImmediate');
      // Between two immediates Node.js runs ticks, and has recorded already which immediate is next.
      const isTick = calls[caller - 1] === 'node:internal/process/task_queues runNextTicks';
      return caller < 1 || isTick || running() !== undefined;
    },

    leave() {
      emptyStores();
      if (executionAsyncId() === 0) return;
      const immediate = running();
      if (immediate !== undefined) {
        moveRest(immediate, append);
        if (immediate._idlePrev !== null) {
          immediate._onImmediate = doNothing;
          immediate._argv = undefined;
          immediate._destroyed = false;
          wait();
        }
      }
      handleException();
      emptyStores();
    },
  };
}

/** Empties the stores of the resource that runs: it may run again for another request. */
function emptyStores(): void {
  const resource = executionAsyncResource() as Record<symbol, unknown>;
  for (const key of Object.getOwnPropertySymbols(resource)) {
    if (key.description === 'kResourceStore') resource[key] = undefined;
  }
}

/** Moves the immediates behind the running one from its batch into the next batch. */
function moveRest(running: Immediate, append: () => Immediate): void {
  const rest = running._idleNext;
  if (rest === null) return;
  let last = rest;
  while (last._idleNext !== null) last = last._idleNext;
  running._idleNext = null;
  const [before, behind] = [append(), append()];
  before._idleNext = rest;
  rest._idlePrev = before;
  last._idleNext = behind;
  behind._idlePrev = last;
}

/**
 * Makes Node.js leave all contexts, as it does for a handled exception. The exception reaches no listener:
 * `emit` is replaced meanwhile.
 */
function handleException(): void {
  const emit = Object.getOwnPropertyDescriptor(process, 'emit');
  process.setUncaughtExceptionCaptureCallback(doNothing);
  try {
    Object.defineProperty(process, 'emit', { value: () => false, configurable: true, writable: true });
    (process as WithFatalException)._fatalException?.(new Error('interrupted'));
  } finally {
    if (emit === undefined) delete (process as { emit?: unknown }).emit;
    else Object.defineProperty(process, 'emit', emit);
    process.setUncaughtExceptionCaptureCallback(null);
  }
}
