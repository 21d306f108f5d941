// The messages by which the primary and a worker thread agree on an interruption (see interrupt.ts and
// interruptible.ts). Code of services runs in the thread and can post anything to the channel or replace the
// function that the primary calls, so both sides read only what has exactly the form that is declared here.

/** What a stalled thread was running. */
export interface Stall {
  /**
   * `request`: the HTTP core has called it directly. `continuation`: it runs behind an `await` of a request.
   * `elsewhere`: it runs in anything else, e.g. a timer or an event.
   */
  readonly where: 'request' | 'continuation' | 'elsewhere';
  /**
   * `method`, `route` (the template) and `requestId` belong to the request that the code served, if that is
   * known.
   */
  readonly method?: string;
  readonly route?: string;
  readonly requestId?: string;
}

/** The code of a thread was interrupted. */
export interface Interruption extends Stall {
  /** Frames of the interrupted code, innermost first. */
  readonly stack: readonly string[];
}

/**
 * `responsive`: the thread is no longer stalled. `progressing`: its loop is stalled, but it gets through one
 * short callback after the other. `unreachable`: nothing could be done.
 */
export type InterruptResult = Interruption | 'responsive' | 'progressing' | 'unreachable';

/**
 * What a thread replies to one attempt. `retry`: its code must not end at the instruction where it was found,
 * or its stack had no room for the preparation. `between-microtasks`: it was found between two microtasks,
 * with nothing on the stack.
 */
export type InterruptReply = InterruptResult | 'retry' | 'between-microtasks';

/** The thread is `prepared` for its interruption; the primary replies that it has `sent` it. */
export interface Handshake {
  readonly type: 'prepared' | 'sent';
  /** When the thread was prepared. Both sides read the same clock. */
  readonly atNs: bigint;
}

/** The function that the primary calls in the thread: a property of its `globalThis` under this symbol. */
export const FUNCTION_KEY = Symbol.for('multilane.interrupt');
/**
 * The number of characters that a reply may have; the primary reads no longer one. The frames of the stack
 * and the names of the request have room in it.
 */
export const MAX_REPLY_LENGTH = 32_768;

/**
 * The name of the BroadcastChannel for the handshake with a thread. A message never reaches its own sender,
 * so each side hears the other one only.
 */
export const channelNameOf = (thread: number): string => `multilane.interrupt.${thread}`;

/** The result of a script, as far as it is read: a `Runtime.RemoteObject` of the inspector. */
export interface EvaluatedResult {
  readonly value?: unknown;
  readonly subtype?: unknown;
  readonly className?: unknown;
}

/**
 * Reads the result of the script that is evaluated in the thread. The script catches whatever the code that
 * it calls throws. So a RangeError means that the thread was reached, but its stack was too full to enter the
 * script.
 */
export function replyOf({ value, subtype, className }: EvaluatedResult): InterruptReply {
  return subtype === 'error' && className === 'RangeError' ? 'retry' : parseReply(value);
}

/** @returns `unreachable` for a reply that the thread's own function cannot have written */
export function parseReply(text: unknown): InterruptReply {
  if (typeof text !== 'string') return 'unreachable';
  try {
    const reply: unknown = JSON.parse(text);
    const word = WORDS.find((one) => one === reply);
    if (word !== undefined) return word;
    return interruptionIn(reply) ?? 'unreachable';
  } catch {
    return 'unreachable'; // it is not JSON
  }
}

const WORDS = [
  'responsive',
  'progressing',
  'retry',
  'between-microtasks',
] as const satisfies readonly InterruptReply[];
const ORIGINS = ['request', 'continuation', 'elsewhere'] as const satisfies readonly Stall['where'][];

/** @returns only the known members; `undefined` when one of them is of another type */
function interruptionIn(reply: unknown): Interruption | undefined {
  if (typeof reply !== 'object' || reply === null) return undefined;
  const { where, stack, method, route, requestId } = reply as Readonly<Record<string, unknown>>;
  const origin = ORIGINS.find((one) => one === where);
  if (origin === undefined || !Array.isArray(stack) || !stack.every(isText)) return undefined;
  const names = Object.entries({ method, route, requestId }).filter(([, name]) => name !== undefined);
  if (!names.every(([, name]) => isText(name))) return undefined;
  return { where: origin, stack, ...Object.fromEntries(names) };
}

const isText = (value: unknown): value is string => typeof value === 'string';

/** @returns `undefined` for a message that is not part of the handshake */
export function parseHandshake(data: unknown): Handshake | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { type, atNs } = data as Readonly<Record<string, unknown>>;
  return (type === 'prepared' || type === 'sent') && typeof atNs === 'bigint' ? { type, atNs } : undefined;
}
