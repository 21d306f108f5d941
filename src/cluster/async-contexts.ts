// How a thread leaves what Node.js has entered for the code that runs, so that the code can be ended.
//
// V8 ends code without running any `finally`, and Node.js relies on some of them. One leaves the
// asynchronous contexts: Node.js is made to do that by its own means, as if an uncaught exception had been
// handled. Another one is in the `run` of AsyncLocalStorage: what it has stored would be there for every
// later callback of the core, since these share one resource, so the stores are emptied (up to Node.js 22,
// where they are properties of resources). And immediates are run in batches: which one is next is written
// down behind each of them. When one is ended, Node.js begins anew, with the batch that has come meanwhile
// if it was the first one (what was left of the batch would be lost), and with the ended one itself if it
// was another (that fails, again and again, and the loop never turns). So the rest of its batch is moved
// into the batch to come, and the ended one gets a callback that does nothing.
//
// Node.js counts immediates, and one that runs twice is counted off twice. With one too few in the count
// it would not run the last one. Hence an immediate that is always waiting, and is run with others only.
import { executionAsyncId, executionAsyncResource } from 'node:async_hooks';

/** As Node.js makes them: a list of those that are to be run in one batch. */
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

const nothing = (): void => undefined;

export interface AsyncContexts {
  /**
   * False when they cannot be left: code of a service handles uncaught exceptions itself, or an immediate
   * cannot be found, because it runs in a context of its own.
   * @param calls what runs, innermost first: of Node's own functions, file and name
   */
  canLeave(calls: readonly string[]): boolean;
  leave(): void;
}

/** Prepares, before code of services can have changed anything. */
export function asyncContexts(): AsyncContexts {
  const later = setImmediate;
  const append = (): Immediate => later(nothing) as unknown as Immediate;
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
      // Between two immediates it runs ticks, and has written down already which one is next.
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
          immediate._onImmediate = nothing;
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

/** Empties what services have stored for what runs: its resource may run again, for somebody else. */
function emptyStores(): void {
  const resource = executionAsyncResource() as Record<symbol, unknown>;
  for (const key of Object.getOwnPropertySymbols(resource)) {
    if (key.description === 'kResourceStore') resource[key] = undefined;
  }
}

/** What comes behind this one in its batch comes in the next. */
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

/** Nobody is told of the exception: it is there for what Node.js does when one was handled. */
function handleException(): void {
  const emit = Object.getOwnPropertyDescriptor(process, 'emit');
  process.setUncaughtExceptionCaptureCallback(nothing);
  try {
    Object.defineProperty(process, 'emit', { value: () => false, configurable: true, writable: true });
    (process as WithFatalException)._fatalException?.(new Error('broken off'));
  } finally {
    if (emit === undefined) delete (process as { emit?: unknown }).emit;
    else Object.defineProperty(process, 'emit', emit);
    process.setUncaughtExceptionCaptureCallback(null);
  }
}
