// The thread's side of an interruption: it decides, on top of the code that stalls it, whether that code may
// end here, and prepares for it. interrupt.ts describes the whole.
import { executionAsyncId } from 'node:async_hooks';
import { BroadcastChannel, receiveMessageOnPort, threadId } from 'node:worker_threads';
import { asyncContexts } from './async-contexts.js';
import {
  channelNameOf,
  FUNCTION_KEY,
  type Handshake,
  type Interruption,
  type InterruptReply,
  MAX_REPLY_LENGTH,
  parseHandshake,
  type Stall,
} from './interrupt-protocol.js';
import { entersContext, frameReader, isServiceCode } from './stack-frames.js';

/** A prepared thread waits this long for its interruption; the primary sends none after half of it. */
const HOLD_NS = 2_000_000_000n;

const RESPONSIVE = encoded('responsive');
const PROGRESSING = encoded('progressing');
const UNREACHABLE = encoded('unreachable');
const RETRY = encoded('retry');
const BETWEEN_MICROTASKS = encoded('between-microtasks');

/**
 * What a look at the loop found. `retry`: code that must not end here. Undefined: the loop is not stalled.
 */
export type Examination = Stall | 'retry' | 'progressing' | undefined;

/** What the thread knows of its loop. Both methods run on top of other code, so they must be quick. */
export interface Examiner {
  /** Whether the loop has been stalled for so long that what runs may have to be interrupted. */
  isStalled(): boolean;
  /** Reports what would be interrupted, and prepares for its end. */
  examine(): Examination;
}

/** Makes this thread interruptible. Call it before any code of services is loaded. */
export function allowInterrupts(examiner: Examiner): void {
  const channel = new BroadcastChannel(channelNameOf(threadId));
  channel.unref();
  const readFrames = frameReader();
  const contexts = asyncContexts();
  const prepare = (deadlineNs: bigint): string => {
    const frames = readFrames();
    if (frames === undefined) return UNREACHABLE;
    const { files, calls, stack } = frames;
    const isTooLate = process.hrtime.bigint() >= deadlineNs;
    if (isTooLate) return RESPONSIVE;
    if (stack.length === 0) return examiner.isStalled() ? BETWEEN_MICROTASKS : RESPONSIVE;
    if (entersContext(files) || !files.some(isServiceCode)) return RETRY;
    if (!contexts.canLeave(calls)) return UNREACHABLE;
    const found = examiner.examine();
    if (found === undefined) return RESPONSIVE;
    if (found === 'retry') return RETRY;
    if (found === 'progressing') return PROGRESSING;
    const interruption = JSON.stringify({ ...found, stack } satisfies Interruption);
    // The primary would not read it, and an interrupted thread has to report what it was running.
    if (interruption.length > MAX_REPLY_LENGTH) return UNREACHABLE;
    contexts.leave();
    if (executionAsyncId() !== 0) return UNREACHABLE;
    return isInterruptSent(channel) ? interruption : UNREACHABLE;
  };
  Object.defineProperty(globalThis, FUNCTION_KEY, { value: prepare, configurable: true });
}

/** Tells the primary that this thread is prepared, and waits, without turning the loop, for its reply. */
function isInterruptSent(channel: BroadcastChannel): boolean {
  const atNs = process.hrtime.bigint();
  channel.postMessage({ type: 'prepared', atNs } satisfies Handshake);
  while (process.hrtime.bigint() - atNs < HOLD_NS) {
    const received = receiveMessageOnPort(channel as never) as { readonly message: unknown } | undefined;
    const handshake = parseHandshake(received?.message);
    // A reply with another time belongs to an earlier attempt that was given up.
    if (handshake?.type === 'sent' && handshake.atNs === atNs) return true;
  }
  return false;
}

function encoded(reply: Exclude<InterruptReply, object>): string {
  return JSON.stringify(reply);
}
