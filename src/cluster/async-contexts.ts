// Restores the state of Node.js before the code of a stalled thread is interrupted (see interrupt.ts).
// Node.js enters asynchronous contexts before it calls the code and leaves them in a `finally` afterwards. V8
// ends interrupted code without running any `finally`, so the work of three of them is done here beforehand:
// - The first one leaves the asynchronous contexts. Here Node.js is made to leave them as it does after an
//   uncaught exception that was handled.
// - The second one is in the `run` of AsyncLocalStorage, and removes the store. The store would remain for
//   every later callback of the HTTP core, since these share one resource. So the stores are emptied (up to
//   Node.js 22, where they are properties of resources).
// - The third one is in the loop over a batch of immediates: after each immediate it records which one is
//   next. After an interruption Node.js would do one of two wrong things. If the interrupted immediate was
//   the first of its batch, it would lose the others of the batch. Otherwise it would run the interrupted one
//   again, which would stall the loop again. So the others are moved into the next batch, and the interrupted
//   immediate gets a callback that does nothing.
//
// Node.js also counts the immediates that wait. The interrupted immediate runs a second time, with the empty
// callback, so it is subtracted twice. With a count that is too low by one, Node.js would not run the last
// immediate. Hence `wait` keeps one more immediate waiting from then on. It does not keep the loop alive, so
// it runs only together with others.
import { executionAsyncId, executionAsyncResource } from 'node:async_hooks';
import { emptyStores, OwnContext } from '../scope.js';

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
   * Whether the contexts can be left. They cannot when code of a service handles uncaught exceptions itself.
   * They also cannot when an immediate runs whose code has entered another context, because the object of the
   * immediate is found only in its own context.
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
    let resource: object | undefined = executionAsyncResource();
    while (resource instanceof OwnContext) resource = resource.outer;
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
      // The context that runs may run again for another request.
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
