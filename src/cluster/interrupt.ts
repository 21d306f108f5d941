// Interrupts the code that stalls a worker thread, so that an endless loop costs its request and not the
// thread. This file is the primary's side; interruptible.ts is the thread's.
//
// V8 can end the running JavaScript of a thread (`Runtime.terminateExecution`): everything on the stack
// unwinds, no catch and no finally runs, and the event loop continues with its next callback. Node.js
// survives this only while no asynchronous context is entered and not left. `executionAsyncId()` is 0
// directly in a callback of the HTTP core. It is not 0 in callbacks of timers, immediates and ticks, in an
// AsyncResource, and (Node.js 20 and 22, where AsyncLocalStorage turns promise hooks on) behind every
// `await`; there, the process aborts on its way out ("async hook stack has become corrupted", or a failed
// check in InternalCallbackScope::Close). So the thread leaves those contexts first (async-contexts.ts).
// Tested with that on Node.js 20, 22 and 24 (test/system/stalls.test.ts): loops in handlers, behind awaits,
// in timers, immediates, ticks, microtasks, event listeners, callbacks of fs, and in a regular expression.
//
// Native code that does not return (execSync, a hung file system) cannot be interrupted: the inspector's
// message does not get in either, so an attempt does no harm.
//
// The code must end exactly where the thread has looked at it. Had it continued meanwhile, the interruption
// would hit whatever runs next, in a context that was not left. V8 carries out the messages of an inspector
// session one after the other and runs no JavaScript between them. So the thread announces that it is
// prepared and waits, within the first message, until the primary has sent the second one, the interruption.
//
// A loop of awaits is found between two of them, with nothing on the stack, in nearly all attempts on
// Node.js 24 and newer. An interruption there would hit the next microtask, which may belong to another
// request, so the primary tries again until code of the loop is on the stack.
//
// Code is also not interrupted where Node.js is about to enter an asynchronous context (stack-frames.ts), nor
// in code of the runtime that runs for no request: a callback that ends before its request is known would end
// the process, and a loop that is late because of many short callbacks is stalled in none of them. Such a
// moment is short, so the primary tries again.
//
// V8 drops the microtasks that were queued behind an interrupted continuation, among them the awaits of other
// requests. Therefore `Stall.where` matters: only an interruption directly in a request's callback cannot
// have harmed another request.
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { BroadcastChannel } from 'node:worker_threads';
import {
  channelNameOf,
  FUNCTION_KEY,
  type Handshake,
  type InterruptReply,
  type InterruptResult,
  MAX_REPLY_LENGTH,
  parseHandshake,
  parseReply,
} from './interrupt-protocol.js';
import { ThreadSession } from './thread-inspector.js';

/** A thread that has not been reached after this long is in native code. */
export const REPLY_MS = 300;
/** How much longer the primary listens: a thread that was reached in time still has to reply. */
export const LISTEN_MS = 300;
/** The primary sends no interruption later than this: half of the time that a prepared thread waits. */
const SEND_NS = 1_000_000_000n;
/** A thread whose interruption is sent has been reached: its reply is waited for this long. */
const ANSWER_MS = 5_000;
/** Pause before the next attempt on code that must not end just where it is. */
const RETRY_MS = 1;
/** Attempts on a thread that is found between two microtasks every time end after this long. */
const BETWEEN_MS = 2_000;

const RETRY = 'retry' satisfies InterruptReply;

/**
 * Interrupts what the thread runs, if it is stalled. Never rejects.
 * @param thread Node's number of the thread
 * @param withinMs how long the thread may take to be reached
 */
export async function interruptThread(thread: number, withinMs = REPLY_MS): Promise<InterruptResult> {
  let session: ThreadSession | undefined;
  let giveUp: NodeJS.Timeout | undefined;
  const channel = new BroadcastChannel(channelNameOf(thread));
  try {
    const opened = ThreadSession.open(thread);
    session = opened;
    const begun = performance.now();
    // An attempt that waits in the thread's queue must not interrupt anything when it is reached too late.
    let deadlineNs = nanosecondsAfter(withinMs);
    let interrupted: Promise<unknown> | undefined;
    channel.onmessage = (event): void => {
      const handshake = parseHandshake((event as unknown as { readonly data: unknown }).data);
      if (handshake?.type !== 'prepared' || interrupted !== undefined) return;
      const { atNs } = handshake;
      if (process.hrtime.bigint() - atNs > SEND_NS) return;
      interrupted = opened.post('Runtime.terminateExecution');
      interrupted.catch(() => undefined); // awaited below
      channel.postMessage({ type: 'sent', atNs } satisfies Handshake);
    };
    giveUp = setTimeout(() => {
      if (interrupted === undefined) opened.close();
    }, withinMs + LISTEN_MS);
    for (;;) {
      const reply = await tryOnce(opened, deadlineNs);
      await interrupted;
      // When the deadline has passed, the thread replies `responsive`, and a next call finds it stalled
      // again.
      if (reply === 'retry') await delay(RETRY_MS);
      else if (reply !== 'between-microtasks') return reply;
      else if (performance.now() - begun > BETWEEN_MS) return 'responsive';
      else {
        // The thread is reached every time, so there may be more attempts.
        deadlineNs = nanosecondsAfter(withinMs);
        giveUp.refresh();
        await nextTurn();
      }
    }
  } catch {
    // The inspector could not be used, or the thread has ended meanwhile: in either case nothing was done.
    return 'unreachable';
  } finally {
    clearTimeout(giveUp);
    session?.close();
    channel.close();
  }
}

async function tryOnce(session: ThreadSession, deadlineNs: bigint): Promise<InterruptReply> {
  const { result } = await session.post<{ readonly result: { readonly value?: unknown } }>(
    'Runtime.evaluate',
    { expression: expressionFor(deadlineNs), silent: true },
    ANSWER_MS,
  );
  return parseReply(result.value);
}

const nanosecondsAfter = (ms: number): bigint => process.hrtime.bigint() + BigInt(ms * 1_000_000);

/**
 * The script that is evaluated in the thread. Code of services may have replaced our function, so what the
 * function throws stays in the thread, and its result reaches the primary only as a short text. The script is
 * one line without a function of its own, because `frameReader` looks for exactly one frame, in the first
 * line of the script. At the end of the stack the call throws as well, and is tried again.
 */
function expressionFor(deadlineNs: bigint): string {
  const call = `globalThis[Symbol.for(${JSON.stringify(FUNCTION_KEY.description)})]?.(${deadlineNs}n)`;
  const isShort = `typeof reply === 'string' && reply.length <= ${MAX_REPLY_LENGTH}`;
  return `try { const reply = ${call}; ${isShort} ? reply : undefined } catch { '${JSON.stringify(RETRY)}' }`;
}
