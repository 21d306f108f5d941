// What an HTTP worker and the task pool in the primary say to each other over a MessagePort of their own.
// Inputs and results cross as bytes already serialized (structured clone format), so the primary moves a
// buffer from one port to the next and never unpacks it.

export type ToPool =
  | {
      readonly type: 'run';
      /** Unique on this port. */
      readonly id: number;
      /** URL of the service's tasks module. */
      readonly module: string;
      /** Named export to call. */
      readonly task: string;
      /** Route or task that the queue is shared out by. */
      readonly caller: string;
      readonly input: Uint8Array;
      /** Milliseconds until the caller's deadline. A clock never crosses threads. */
      readonly remainingMs: number;
    }
  /** Nobody waits for it any more: out of the queue, or its thread is ended. Not answered. */
  | { readonly type: 'abort'; readonly id: number };

export interface FromPool extends TaskAnswer {
  readonly id: number;
}

export interface TaskAnswer {
  /**
   * `bytes`: the Uint8Array that the task returned; `value`: anything else, `failure`: see task-failure.ts.
   */
  readonly kind: 'bytes' | 'value' | 'failure';
  readonly data: Uint8Array;
}

/** What a thread of the pool is given. */
export interface TaskOrder {
  readonly module: string;
  readonly task: string;
  readonly input: Uint8Array;
}

/** An exception that a task has left behind and that nothing has caught, after the task had ended. */
export interface Leftover {
  readonly type: 'leftover';
  /** Named export that began it; undefined when that is not known. */
  readonly task: string | undefined;
  readonly message: string;
  readonly stack: string | undefined;
}

type Members = Readonly<Record<string, unknown>>;

/** Code of services runs at the other end: anything that has not the form of a message is `undefined`. */
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

/** The same for what a thread of the pool returns. */
export function readTaskAnswer(data: unknown): TaskAnswer | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { kind, data: bytes } = data as Members;
  const isKnown = kind === 'bytes' || kind === 'value' || kind === 'failure';
  return isKnown && isWholeView(bytes) ? { kind, data: bytes } : undefined;
}

/** What a thread of the pool posts beside results. */
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

/** Its buffer can be transferred: it is not shared, and nothing else lies in it. */
const isWholeView = (value: unknown): value is Uint8Array =>
  value instanceof Uint8Array &&
  value.buffer instanceof ArrayBuffer &&
  value.byteLength === value.buffer.byteLength;

/** The buffer under a view, for a transfer list. All views in these messages own theirs whole. */
export const bufferOf = (view: Uint8Array): ArrayBuffer => view.buffer as ArrayBuffer;
