// Interrupts the code that stalls a worker thread, so that an endless loop costs its request and not the
// thread. This file is the primary's side; interruptible.ts is the thread's.
//
// V8 can end the running JavaScript of a thread (`Runtime.terminateExecution`): everything on the stack
// unwinds, no catch and no finally runs, and the event loop continues with its next callback. Node.js
// survives this only when every asynchronous context that was entered has been left. `executionAsyncId()` is
// 0 directly in a callback of uWebSockets.js: no context is entered there. It is not 0 in callbacks of
// `node:http`, timers, immediates and ticks, in an AsyncResource, and (Node.js 20 and 22, where
// AsyncLocalStorage turns promise hooks on) behind every `await`. An interruption there would abort the
// process ("async hook stack has become corrupted", or a failed check in InternalCallbackScope::Close), so
// the thread leaves those contexts first
// (async-contexts.ts). This is tested on Node.js 20, 22 and 24 (test/system/stalls.test.ts) with loops in
// handlers, behind awaits, in timers, immediates, ticks, microtasks, event listeners, callbacks of fs, and in
// a regular expression.
//
// Native code that does not return (execSync, a hung file system) cannot be interrupted. The inspector's
// message does not reach the thread either, so an attempt does no harm.
//
// The code must end exactly where the thread has examined it. If it ran on in between, the interruption would
// end other code, in a context that was not left. V8 carries out the messages of an inspector session one
// after the other and runs no JavaScript between them. So the thread announces that it is prepared and waits,
// within the first message, until the primary has sent the second one, the interruption.
//
// A loop of awaits consists of many short microtasks. On Node.js 24 and newer, nearly all attempts reach the
// thread between two of them, when no code is on the stack. An interruption there would end the next
// microtask, which may belong to another request, so the primary tries again until code of the loop is on the
// stack.
//
// Two more kinds of code are not interrupted, and the primary tries again, because they last only a moment.
// One is code of Node.js that is about to enter an asynchronous context (stack-frames.ts). The other is code
// of the runtime without code of a service on the stack: if a callback of the HTTP core ended before its
// request is known, the process would end; and if the loop is late only because it has many short callbacks,
// none of these is to blame.
//
// The preparation runs on top of the code, so it needs some of the thread's stack. Code at the end of its
// stack is tried again, because it may leave more room a moment later. A recursion that catches each
// RangeError and calls itself again never does, so it is given up. An interruption without the preparation
// would end the process: no context would be left, and the HTTP core would get no response. On
// Node.js 20, entering the script was measured to take nearly 700 small frames, and the preparation less.
//
// V8 drops the microtasks that were queued behind an interrupted continuation, among them the awaits of other
// requests. Therefore `Stall.where` (interrupt-protocol.ts) records where the code was: only an interruption
// directly in a callback of the HTTP core cannot have harmed another request.
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { BroadcastChannel } from 'node:worker_threads';
import {
  channelNameOf,
  type EvaluatedResult,
  FUNCTION_KEY,
  type Handshake,
  type InterruptReply,
  type InterruptResult,
  MAX_REPLY_LENGTH,
  parseHandshake,
  replyOf,
} from './interrupt-protocol.js';
import { ThreadSession } from './thread-inspector.js';

/** A thread that the inspector has not reached after this long is in native code. */
export const REACH_MS = 300;
/** A thread that was reached in time has this much longer to reply. */
export const REPLY_MS = 300;
/**
 * The primary sends no interruption when more time than this has passed since the thread was prepared. It is
 * half of the time that the thread waits.
 */
const MAX_SEND_DELAY_NS = 1_000_000_000n;
/**
 * The longest wait for the reply of a thread whose interruption was sent: it has been reached, so it will
 * reply.
 */
const SENT_REPLY_MS = 5_000;
/** The pause before the next attempt, after one that found code which must not end where it is. */
const RETRY_MS = 1;
/** A thread that every attempt finds between two microtasks is given up after this long. */
const BETWEEN_MICROTASKS_MS = 2_000;

const RETRY = 'retry' satisfies InterruptReply;

/**
 * Interrupts what the thread runs, if it is stalled. Never rejects.
 * @param thread Node's number of the thread
 * @param withinMs how long the thread may take to be reached
 */
export async function interruptThread(thread: number, withinMs = REACH_MS): Promise<InterruptResult> {
  let session: ThreadSession | undefined;
  let giveUp: NodeJS.Timeout | undefined;
  const channel = new BroadcastChannel(channelNameOf(thread));
  try {
    const opened = ThreadSession.open(thread);
    session = opened;
    const begun = performance.now();
    // The thread gets the deadline: an attempt that has waited too long in the thread's queue must not
    // interrupt what runs by then.
    let deadlineNs = nanosecondsAfter(withinMs);
    let interrupted: Promise<unknown> | undefined;
    channel.onmessage = (event): void => {
      const handshake = parseHandshake((event as unknown as { readonly data: unknown }).data);
      if (handshake?.type !== 'prepared' || interrupted !== undefined) return;
      const { atNs } = handshake;
      if (process.hrtime.bigint() - atNs > MAX_SEND_DELAY_NS) return;
      interrupted = opened.post('Runtime.terminateExecution');
      interrupted.catch(() => undefined); // awaited below
      channel.postMessage({ type: 'sent', atNs } satisfies Handshake);
    };
    giveUp = setTimeout(() => {
      if (interrupted === undefined) opened.close();
    }, withinMs + REPLY_MS);
    for (;;) {
      const reply = await tryOnce(opened, deadlineNs);
      await interrupted;
      // A thread that was reached after the deadline replies `responsive`. If it is stalled after all, the
      // next call finds it so.
      if (reply === 'retry') await delay(RETRY_MS);
      else if (reply !== 'between-microtasks') return reply;
      else if (performance.now() - begun > BETWEEN_MICROTASKS_MS) return 'responsive';
      else {
        // Every attempt reaches the thread, so the time to reach it begins anew.
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
  const { result } = await session.post<{ readonly result: EvaluatedResult }>(
    'Runtime.evaluate',
    { expression: expressionFor(deadlineNs), silent: true },
    SENT_REPLY_MS,
  );
  return replyOf(result);
}

const nanosecondsAfter = (ms: number): bigint => process.hrtime.bigint() + BigInt(ms * 1_000_000);

/**
 * The script that is evaluated in the thread. Code of services may have replaced our function, so what the
 * function throws stays in the thread, and its result reaches the primary only as a short text. The script is
 * one line without a function of its own, because `frameReader` looks for exactly one frame, in the first
 * line of the script. When the stack of the thread is nearly full, the call throws a RangeError: the reply is
 * `retry` then, too. When it is full, the script is not entered: see `replyOf`.
 */
function expressionFor(deadlineNs: bigint): string {
  const call = `globalThis[Symbol.for(${JSON.stringify(FUNCTION_KEY.description)})]?.(${deadlineNs}n)`;
  const isShort = `typeof reply === 'string' && reply.length <= ${MAX_REPLY_LENGTH}`;
  return `try { const reply = ${call}; ${isShort} ? reply : undefined } catch { '${JSON.stringify(RETRY)}' }`;
}
