// The messages between an HTTP worker, the CPU pool in the primary, and the threads of the pool. Each worker
// has a MessagePort of its own to the pool. Inputs and results are sent as bytes that are serialized already
// (structured clone format), so the primary moves a buffer from one port to the next and never unpacks it.

/** A message of an HTTP worker to the pool. */
export type ToPool =
  | {
      readonly type: 'run';
      /** Unique on this port. */
      readonly id: number;
      /** URL of the service's tasks module. */
      readonly module: string;
      /** Named export to call. */
      readonly task: string;
      /** The route, or outside of requests the task. Every caller has a line of its own in the queue. */
      readonly caller: string;
      readonly input: Uint8Array;
      /** Milliseconds until the caller's deadline: threads do not share the clock of `performance.now()`. */
      readonly remainingMs: number;
    }
  /**
   * The caller does not wait any more. The pool removes the task from the queue. If the task runs already and
   * does not end soon, the pool ends its thread. It sends no reply.
   */
  | { readonly type: 'abort'; readonly id: number };

/** The reply of the pool to an HTTP worker. */
export interface FromPool extends TaskResult {
  readonly id: number;
}

/** The result that a thread of the pool returns. */
export interface TaskResult {
  /**
   * `bytes`: the Uint8Array that the task has returned. `value`: any other value. `failure`: see
   * task-failure.ts.
   */
  readonly kind: 'bytes' | 'value' | 'failure';
  readonly data: Uint8Array;
}

/** The order that a thread of the pool receives. */
export interface TaskOrder {
  readonly module: string;
  readonly task: string;
  readonly input: Uint8Array;
}

/**
 * A message of a thread of the pool. A task that had ended already has left a timer, listener or promise
 * behind, which has thrown an exception that nothing has caught.
 */
export interface Leftover {
  readonly type: 'leftover';
  /** The task, by its named export; undefined when it is not known. */
  readonly task: string | undefined;
  readonly message: string;
  readonly stack: string | undefined;
}

type Members = Readonly<Record<string, unknown>>;

/**
 * Reads a message of an HTTP worker; undefined for anything else, because code of services runs in that
 * thread and can post to the port as well.
 */
export function readToPool(data: unknown): ToPool | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { type, id, module, task, caller, input, remainingMs } = data as Members;
  if (!Number.isSafeInteger(id)) return undefined;
  if (type === 'abort') return { type, id: Number(id) };
  if (type !== 'run' || typeof module !== 'string' || typeof task !== 'string') return undefined;
  if (typeof caller !== 'string') return undefined;
  if (!Number.isFinite(remainingMs) || !isWholeView(input)) return undefined;
  return { type, id: Number(id), module, task, caller, input, remainingMs: Number(remainingMs) };
}

/** Reads the result of a thread of the pool; undefined for anything else. */
export function readTaskResult(data: unknown): TaskResult | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { kind, data: bytes } = data as Members;
  const isKnown = kind === 'bytes' || kind === 'value' || kind === 'failure';
  return isKnown && isWholeView(bytes) ? { kind, data: bytes } : undefined;
}

/** Reads a message that a thread of the pool posts beside its results; undefined for anything else. */
export function readLeftover(data: unknown): Leftover | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { type, task, message, stack } = data as Members;
  if (type !== 'leftover' || typeof message !== 'string') return undefined;
  return {
    type,
    task: typeof task === 'string' ? task : undefined,
    message,
    stack: typeof stack === 'string' ? stack : undefined,
  };
}

/** Whether the buffer of a view can be transferred: it is not shared, and holds only this view. */
const isWholeView = (value: unknown): value is Uint8Array =>
  value instanceof Uint8Array &&
  value.buffer instanceof ArrayBuffer &&
  value.byteLength === value.buffer.byteLength;

/** The buffer under a view, for a transfer list. Every view in these messages has a buffer of its own. */
export const bufferOf = (view: Uint8Array): ArrayBuffer => view.buffer as ArrayBuffer;
