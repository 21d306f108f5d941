// Breaking off what a worker thread runs, so that a loop without end costs its request and not the thread.
//
// V8 can end the running JavaScript of a thread (`Runtime.terminateExecution`): everything on the stack unwinds, no
// catch and no finally runs, and the loop goes on with its next callback. Node survives that exactly when no
// asynchronous context has been entered and not left: `executionAsyncId()` is 0 directly in a callback of the HTTP
// core, and not 0 in callbacks of timers, immediates and ticks, in an AsyncResource, and (Node 20 and 22, where
// AsyncLocalStorage turns promise hooks on) behind every `await`; there, the process aborts on its way out ("async
// hook stack has become corrupted", or a failed check in InternalCallbackScope::Close). So the thread is made to
// leave those contexts first, by Node's own means for that: what it does after an uncaught exception was handled.
// Seen with that on Node 20, 22, 24 and 25: loops in handlers, behind awaits, in timers, immediates, ticks,
// microtasks, event listeners, callbacks of fs, and in a regular expression, all broken off in a few milliseconds.
//
// What cannot be broken off is native code that does not return (execSync, a hung file system, Atomics.wait): an
// inspector's message does not get in either, and nobody is harmed by having tried.
//
// V8 drops the microtasks that were queued behind a broken continuation: other requests' awaits among them. Hence
// `where`: only what ran directly in a request's callback has harmed nobody else.
import { executionAsyncId } from 'node:async_hooks';
import { InspectorError, ThreadSession } from './thread-inspector.js';

/** What a thread was at. */
export interface Stall {
  /** Called by the HTTP core, behind an await, or in anything else: a timer, an event. */
  readonly where: 'request' | 'continuation' | 'elsewhere';
  /** Of the request on whose behalf it ran, as far as it is known. */
  readonly method?: string;
  readonly route?: string;
  readonly requestId?: string;
}

export interface BrokenOff extends Stall {
  /** The frames that it stood in, innermost first. */
  readonly stack: readonly string[];
}

/** `turning`: it does not stand still any more. `unreachable`: nothing was done. */
export type BreakOff = BrokenOff | 'turning' | 'unreachable';

const KEY = Symbol.for('multilane.stand-still');
/** Native code that goes on for this long is not waited for. */
const REPLY_MS = 300;
const MOST_FRAMES = 12;

/**
 * The thread's half: call before any code of services is loaded.
 * @param examine runs in the middle of what is to be broken off, and must be quick: says what that is and prepares
 *   for its end. Undefined when the loop turns
 */
export function allowBreakOff(examine: () => Stall | undefined): void {
  const prepare = (deadlineNs: bigint): BreakOff => {
    const stack = framesOf(new Error().stack);
    const isWanted = process.hrtime.bigint() < deadlineNs;
    const stall = isWanted && stack.length > 0 ? examine() : undefined;
    if (stall === undefined) return 'turning';
    leaveAsyncContexts();
    return executionAsyncId() === 0 ? { ...stall, stack } : 'unreachable';
  };
  const value = (deadlineNs: bigint): string => JSON.stringify(prepare(deadlineNs));
  Object.defineProperty(globalThis, KEY, { value, configurable: true });
}

/** The primary's half. Never rejects. */
export async function breakOff(threadId: number): Promise<BreakOff> {
  let session: ThreadSession | undefined;
  try {
    session = ThreadSession.open(threadId);
    // A thread that is not reached now must not be harmed later, when this waits in its queue.
    const deadlineNs = process.hrtime.bigint() + BigInt(REPLY_MS * 1_000_000);
    const expression = `globalThis[Symbol.for(${JSON.stringify(KEY.description)})]?.(${deadlineNs}n)`;
    const { result } = await session.post<{ result: { value?: string } }>(
      'Runtime.evaluate',
      { expression, silent: true },
      REPLY_MS,
    );
    const answer = result.value === undefined ? 'unreachable' : (JSON.parse(result.value) as BreakOff);
    if (typeof answer === 'object') await session.post('Runtime.terminateExecution');
    return answer;
  } catch (error) {
    if (error instanceof InspectorError) return 'unreachable';
    throw error;
  } finally {
    session?.close();
  }
}

interface WithFatalException {
  _fatalException?(error: Error): boolean;
}

/** Nobody is told of the exception: it is there for what Node does when one was handled. */
function leaveAsyncContexts(): void {
  if (executionAsyncId() === 0 || process.hasUncaughtExceptionCaptureCallback()) return;
  process.setUncaughtExceptionCaptureCallback(() => undefined);
  try {
    (process as WithFatalException)._fatalException?.(new Error('broken off'));
  } finally {
    process.setUncaughtExceptionCaptureCallback(null);
  }
}

/** Without those of this file and of the inspector's call, and without Node's own at the far end. */
function framesOf(stack = ''): string[] {
  const frames = stack.split('\n').slice(1);
  const own = frames.findIndex((frame) => frame.includes('<anonymous>:1:'));
  return frames.slice(own + 1, own + 1 + MOST_FRAMES).map((frame) => frame.trim());
}
