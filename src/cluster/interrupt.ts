// Breaking off what a worker thread runs, so that a loop without end costs its request and not the thread.
//
// V8 can end the running JavaScript of a thread (`Runtime.terminateExecution`): everything on the stack
// unwinds, no catch and no finally runs, and the loop goes on with its next callback. Node survives that
// exactly when no asynchronous context has been entered and not left: `executionAsyncId()` is 0 directly in a
// callback of the HTTP core, and not 0 in callbacks of timers, immediates and ticks, in an AsyncResource, and
// (Node 20 and 22, where AsyncLocalStorage turns promise hooks on) behind every `await`; there, the process
// aborts on its way out ("async hook stack has become corrupted", or a failed check in
// InternalCallbackScope::Close). So the thread is made to leave those contexts first (async-contexts.ts).
// Tested with that on Node 20, 22 and 24 (test/system/stalls.test.ts): loops in handlers, behind awaits, in
// timers, immediates, ticks, microtasks, event listeners, callbacks of fs, and in a regular expression.
//
// What cannot be broken off is native code that does not return (execSync, a hung file system): an
// inspector's message does not get in either, and nobody is harmed by having tried.
//
// And it must be ended there and then: had the code gone on meanwhile, the end would hit whatever runs next,
// in a context that nobody has left. V8 carries out the messages of a session one after the other without
// running any JavaScript between them. So the thread says that it is prepared and holds on until its end has
// been sent: that message is then behind the one that it is in.
//
// A loop of awaits is found between two of them, with nothing on the stack, in nearly all looks of Node 24
// and newer. What V8 ended there would be the next microtask, whosever it is: it is looked at again until it
// runs.
//
// Nor may it be where Node is about to enter a context: V8 ends code at its next check (the entry of a
// function, the turn of a loop), and what Node does up to there would still be done. Such a moment is short,
// so it is tried again. So is code of this runtime that runs on nobody's behalf: a long turn of the loop that
// consists of many short callbacks stands nowhere, and a callback that is ended before its request is known
// ends the process.
//
// V8 drops the microtasks that were queued behind a broken continuation: other requests' awaits among them.
// Hence
// `where`: only what ran directly in a request's callback has harmed nobody else.
import { executionAsyncId } from 'node:async_hooks';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { createContext, runInContext } from 'node:vm';
import { BroadcastChannel, receiveMessageOnPort, threadId } from 'node:worker_threads';
import { asyncContexts } from './async-contexts.js';
import { ThreadSession } from './thread-inspector.js';

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

/**
 * `turning`: it does not stand still any more. `working`: its loop does not turn, but it gets through one
 * short callback after the other. `unreachable`: nothing was done.
 */
export type BreakOff = BrokenOff | 'turning' | 'working' | 'unreachable';

/** `again`: it is not to be ended just where it is. `between`: it is between two microtasks. */
type Answer = BreakOff | 'again' | 'between';

const KEY = Symbol.for('multilane.stand-still');
/** Native code that goes on for this long is not waited for. */
export const REPLY_MS = 300;
/** How much longer we listen: a thread that was reached in time has time to say so. */
export const LISTEN_MS = 300;
/** A thread that is prepared holds on for this long; an end is sent to it well before. */
const HOLD_NS = 2_000_000_000n;
const SEND_NS = 1_000_000_000n;
/** One whose end is sent has been reached: its answer is waited for. */
const ANSWER_MS = 5_000;
const MOST_FRAMES = 12;
/** Frames that are looked through: more than fit into a stack. */
const MOST_LOOKED_AT = 100_000;
/** In which our own frames are. */
const MOST_OWN = 32;
/** Characters of one frame that are kept. */
const MOST_FRAME = 512;
/** Characters of a reply that the primary reads: the frames, and the names of the request. */
const MOST_REPLY = 32_768;
/** Between two tries at code that is not to be ended just where it is. */
const AGAIN_MS = 1;
/** A thread that is found between two microtasks every time is looked at for this long. */
const BETWEEN_MS = 2_000;

/** Between both halves; there is none other of the name, and a copy of a message never reaches its sender. */
const channelOf = (thread: number): string => `multilane.break-off.${thread}`;

interface Word {
  /** `prepared` is the thread's; the answer is that its end has been sent. */
  readonly type: 'prepared' | 'sent';
  /** When the thread was prepared. Both halves read the same clock. */
  readonly atNs: bigint;
}

/** What runs. `again`: nothing that may be ended just there. Undefined: nothing stands still. */
export type Examined = Stall | 'again' | 'working' | undefined;

/** What the thread knows of its loop. Both members run in the middle of something else, and must be quick. */
export interface Examiner {
  /** Whether the loop has not turned for so long that what runs may have to be ended. */
  isStanding(): boolean;
  /** Says what is to be broken off, and prepares for its end. */
  examine(): Examined;
}

/** The thread's half: call before any code of services is loaded. */
export function allowBreakOff(examiner: Examiner): void {
  const channel = new BroadcastChannel(channelOf(threadId));
  channel.unref();
  const frames = stackReader();
  const contexts = asyncContexts();
  const prepare = (deadlineNs: bigint): string => {
    const found = frames();
    if (found === undefined) return UNREACHABLE;
    const { files, calls, stack } = found;
    const isWanted = process.hrtime.bigint() < deadlineNs;
    if (!isWanted) return TURNING;
    if (stack.length === 0) return examiner.isStanding() ? BETWEEN : TURNING;
    if (entersContext(files) || !files.some(isOfServices)) return AGAIN;
    if (!contexts.canLeave(calls)) return UNREACHABLE;
    const stall = examiner.examine();
    if (stall === undefined) return TURNING;
    if (stall === 'again') return AGAIN;
    if (stall === 'working') return WORKING;
    const brokenOff = JSON.stringify({ ...stall, stack } satisfies BrokenOff);
    // The primary would not read it, and a thread whose end has been sent has to say what it was at.
    if (brokenOff.length > MOST_REPLY) return UNREACHABLE;
    contexts.leave();
    if (executionAsyncId() !== 0) return UNREACHABLE;
    return isEndSent(channel) ? brokenOff : UNREACHABLE;
  };
  Object.defineProperty(globalThis, KEY, { value: prepare, configurable: true });
}

const TURNING = JSON.stringify('turning' satisfies BreakOff);
const WORKING = JSON.stringify('working' satisfies BreakOff);
const UNREACHABLE = JSON.stringify('unreachable' satisfies BreakOff);
const AGAIN = JSON.stringify('again' satisfies Answer);
const BETWEEN = JSON.stringify('between' satisfies Answer);

function isEndSent(channel: BroadcastChannel): boolean {
  const atNs = process.hrtime.bigint();
  channel.postMessage({ type: 'prepared', atNs } satisfies Word);
  while (process.hrtime.bigint() - atNs < HOLD_NS) {
    const received = receiveMessageOnPort(channel as never) as { readonly message: unknown } | undefined;
    const word = wordOf(received?.message);
    // Not one for an earlier time, when it had been given up.
    if (word?.type === 'sent' && word.atNs === atNs) return true;
  }
  return false;
}

/**
 * The primary's half. Never rejects.
 * @param withinMs how long the thread may take to be reached
 */
export async function breakOff(thread: number, withinMs = REPLY_MS): Promise<BreakOff> {
  let session: ThreadSession | undefined;
  let giveUp: NodeJS.Timeout | undefined;
  const channel = new BroadcastChannel(channelOf(thread));
  try {
    const opened = ThreadSession.open(thread);
    session = opened;
    const begun = performance.now();
    // A thread that is not reached now must not be harmed later, when this waits in its queue.
    let deadlineNs = nanosecondsAfter(withinMs);
    let ended: Promise<unknown> | undefined;
    channel.onmessage = (event): void => {
      const word = wordOf((event as unknown as { readonly data: unknown }).data);
      if (word?.type !== 'prepared' || ended !== undefined) return;
      const { atNs } = word;
      if (process.hrtime.bigint() - atNs > SEND_NS) return;
      ended = opened.post('Runtime.terminateExecution');
      ended.catch(() => undefined); // awaited below
      channel.postMessage({ type: 'sent', atNs } satisfies Word);
    };
    giveUp = setTimeout(() => {
      if (ended === undefined) opened.close();
    }, withinMs + LISTEN_MS);
    for (;;) {
      const expression = expressionFor(deadlineNs);
      const { result } = await opened.post<{ readonly result: { readonly value?: unknown } }>(
        'Runtime.evaluate',
        { expression, silent: true },
        ANSWER_MS,
      );
      const answer = answerIn(result.value);
      await ended;
      // When its time is over it answers `turning`, and is found standing again.
      if (answer === 'again') await delay(AGAIN_MS);
      else if (answer !== 'between') return answer;
      else if (performance.now() - begun > BETWEEN_MS) return 'turning';
      else {
        // It is reached every time, so it may be looked at for longer.
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

const nanosecondsAfter = (ms: number): bigint => process.hrtime.bigint() + BigInt(ms * 1_000_000);

/**
 * The script that is evaluated in the thread. Code of services may have replaced our function, so what it
 * throws stays in the thread, and what it returns reaches the primary only when it is a short text. It is one
 * line without a function of its own, because `stackReader` looks for exactly one frame, in the first line of
 * the script. At the end of the stack it throws as well, and is tried again.
 */
function expressionFor(deadlineNs: bigint): string {
  const call = `globalThis[Symbol.for(${JSON.stringify(KEY.description)})]?.(${deadlineNs}n)`;
  const isShort = `typeof reply === 'string' && reply.length <= ${MOST_REPLY}`;
  return `try { const reply = ${call}; ${isShort} ? reply : undefined } catch { ${JSON.stringify(AGAIN)} }`;
}

/** What a reply says; `unreachable` when our function cannot have written it. */
export function answerIn(reply: unknown): Answer {
  if (typeof reply !== 'string') return 'unreachable';
  try {
    const answer: unknown = JSON.parse(reply);
    const word = WORDS.find((one) => one === answer);
    if (word !== undefined) return word;
    return brokenOffIn(answer) ?? 'unreachable';
  } catch {
    return 'unreachable'; // it is not JSON
  }
}

const WORDS = ['turning', 'working', 'again', 'between'] as const satisfies readonly Answer[];
const PLACES = ['request', 'continuation', 'elsewhere'] as const satisfies readonly Stall['where'][];

/** @returns the known members alone; `undefined` when one of them is of another type */
function brokenOffIn(answer: unknown): BrokenOff | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { where, stack, method, route, requestId } = answer as Readonly<Record<string, unknown>>;
  const place = PLACES.find((one) => one === where);
  if (place === undefined || !Array.isArray(stack) || !stack.every(isText)) return undefined;
  const names = Object.entries({ method, route, requestId }).filter(([, name]) => name !== undefined);
  if (!names.every(([, name]) => isText(name))) return undefined;
  return { where: place, stack, ...Object.fromEntries(names) };
}

const isText = (value: unknown): value is string => typeof value === 'string';

/** Any code of the process can post to the channel, so a message is read only when it has our form. */
function wordOf(data: unknown): Word | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { type, atNs } = data as Readonly<Record<string, unknown>>;
  return (type === 'prepared' || type === 'sent') && typeof atNs === 'bigint' ? { type, atNs } : undefined;
}

/** Where Node enters and leaves asynchronous contexts. */
const CONTEXTS =
  /^node:(internal\/(timers|async_hooks|async_local_storage|process\/task_queues|process\/promises)|async_hooks|timers)/;

/** Code that was made from a text, by `eval` or `new Function`. */
const EVALUATED = 'evaluated';
const RUNTIME = new URL('..', import.meta.url).href;
/** The services that come with the runtime are services like any other. */
const SERVICES = new URL('../services/', import.meta.url).href;

/** @param file of a frame; empty for what is built into V8 */
export const isOfServices = (file: string): boolean =>
  file !== '' && !file.startsWith('node:') && (!file.startsWith(RUNTIME) || file.startsWith(SERVICES));

/**
 * Whether code that is to be ended would enter a context before it ends: when Node is nearer to the top of
 * the stack than any code that is not Node's.
 * @param files of the frames, innermost first
 */
export function entersContext(files: readonly string[]): boolean {
  for (const file of files) {
    if (CONTEXTS.test(file)) return true;
    if (!file.startsWith('node:') && file !== '') return false;
  }
  return true;
}

/** As V8 writes it into a stack. */
interface ShownSite extends NodeJS.CallSite {
  toString(): string;
}

interface Frames {
  readonly files: readonly string[];
  /** With the names of their functions. */
  readonly calls: readonly string[];
  readonly stack: readonly string[];
}

/**
 * Prepares for looking at the stack, before code of services can have changed anything. V8 makes the stack of
 * an error by the `stackTraceLimit` and the `prepareStackTrace` of the realm that the error is from, so these
 * errors are from a realm of their own: what code of services sets on its `Error`, or forbids to be set, does
 * not matter.
 * @returns reads the frames, innermost first, without those of this file and of the inspector's call
 */
function stackReader(): () => Frames | undefined {
  const OwnError = runInContext('Error', createContext()) as ErrorConstructor;
  let sites: readonly ShownSite[] = [];
  OwnError.stackTraceLimit = MOST_LOOKED_AT;
  OwnError.prepareStackTrace = (_error, found) => {
    sites = found;
  };
  return () => {
    void new OwnError().stack;
    const stack = sites.slice(0, MOST_OWN + MOST_FRAMES).map((site) => `at ${String(site)}`);
    const own = stack.findIndex((frame) => frame.includes('<anonymous>:1:')) + 1;
    // Without it our own frames cannot be told from those of the code that is to be ended.
    if (own === 0) return undefined;
    const files = sites.slice(own).map((site) => site.getFileName() ?? (site.isEval() ? EVALUATED : ''));
    return {
      files,
      calls: files.map((file, index) =>
        file.startsWith('node:') ? `${file} ${sites[own + index]!.getFunctionName()}` : file,
      ),
      stack: stack.slice(own, own + MOST_FRAMES).map((frame) => frame.slice(0, MOST_FRAME)),
    };
  };
}
