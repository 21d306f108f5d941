// The messages between an HTTP worker, the CPU pool in the primary, and the threads of the pool. Each worker
// has a MessagePort of its own to the pool. Inputs and results are sent as bytes that are serialized already
// (structured clone format), so the primary moves a buffer from one port to the next and never unpacks it.
import { MessagePort } from 'node:worker_threads';
import type { RunStatusMemory } from '../memory/run-status.js';
import { PRIORITIES, type Priority } from './service-line.js';
import type { Packed } from './task-clone.js';

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
      /** The service that calls. The queue is shared by service first. */
      readonly service: string;
      /** The route; undefined outside of requests. See caller-lines.ts. */
      readonly caller: string | undefined;
      readonly priority: Priority;
      readonly input: Packed;
      /** The end of a channel on which the thread sends progress; undefined when the caller wants none. */
      readonly progress: MessagePort | undefined;
      /** W3C trace context of the span of the task. */
      readonly traceparent: string | undefined;
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
  /** How long the task has waited for a thread. */
  readonly waitMs: number;
}

const KINDS = ['bytes', 'buffer', 'value', 'failure'] as const;

/** The result that a thread of the pool returns. */
export interface TaskResult {
  /**
   * `bytes`: the Uint8Array that the task has returned. `buffer`: the Buffer. `value`: any other value.
   * `failure`: see task-failure.ts.
   */
  readonly kind: (typeof KINDS)[number];
  readonly data: Uint8Array;
  /** The buffers that are moved with a `value`. */
  readonly moved: readonly ArrayBuffer[];
  /** Why the thread runs no other task; undefined when it does. */
  readonly last?: LastRun | undefined;
}

/**
 * Why a thread is replaced after a task. `heap`: its heap is too large for another task. `leftovers`: what
 * the task with this number has left behind takes too much of its time. `load`: it could not load the module
 * of the task with this number, and Node.js would not try again in this thread.
 */
export type LastRun =
  | { readonly because: 'heap' }
  | { readonly because: 'leftovers' | 'load'; readonly mark: number };

/** The order that a thread of the pool receives. */
export interface TaskOrder {
  readonly module: string;
  readonly task: string;
  /** The number of the task (task-marks.ts). */
  readonly mark: number;
  readonly input: Packed;
  readonly progress: MessagePort | undefined;
  readonly traceparent: string | undefined;
  /** The memory of a RunStatus. */
  readonly status: RunStatusMemory;
  /** MiB of heap with which the thread may go on after the task; 0: any. */
  readonly heapMb: number;
}

/**
 * A message of a thread of the pool. A task that had ended already has left a timer, listener or promise
 * behind, which has thrown an exception that nothing has caught. Or the load of a tasks module has.
 */
export interface Leftover {
  readonly type: 'leftover';
  /** The task, by its named export; undefined when it is not known. */
  readonly task: string | undefined;
  /** Its number (task-marks.ts). */
  readonly mark: number | undefined;
  readonly traceparent: string | undefined;
  /** An exception of the task, or of the load of its module, or a listener that the load has opened. */
  readonly of: 'task' | 'load' | 'listener';
  readonly message: string;
  readonly stack: string | undefined;
}

/** A message of a thread of the pool: what the task with this number had left behind has used the thread. */
export interface LeftoverUse {
  readonly type: 'leftover-use';
  readonly mark: number;
  readonly ms: number;
}

type Members = Readonly<Record<string, unknown>>;

/**
 * Reads a message of an HTTP worker; undefined for anything else, because code of services runs in that
 * thread and can post to the port as well.
 */
export function readToPool(data: unknown): ToPool | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { type, id } = data as Members;
  if (!Number.isSafeInteger(id)) return undefined;
  if (type === 'abort') return { type, id: Number(id) };
  return type === 'run' ? readRun(Number(id), data as Members) : undefined;
}

function readRun(id: number, members: Members): ToPool | undefined {
  const { module, task, service, caller, priority, input, progress, traceparent, remainingMs } = members;
  if (typeof module !== 'string' || typeof task !== 'string') return undefined;
  if (typeof service !== 'string' || !isPriority(priority)) return undefined;
  if (caller !== undefined && typeof caller !== 'string') return undefined;
  if (!Number.isFinite(remainingMs) || !isPacked(input)) return undefined;
  if (progress !== undefined && !(progress instanceof MessagePort)) return undefined;
  if (traceparent !== undefined && typeof traceparent !== 'string') return undefined;
  return {
    type: 'run',
    id,
    module,
    task,
    service,
    caller,
    priority,
    input: { data: input.data, moved: input.moved },
    progress,
    traceparent,
    remainingMs: Number(remainingMs),
  };
}

/** Reads the result of a thread of the pool; undefined for anything else. */
export function readTaskResult(data: unknown): TaskResult | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { kind, last } = data as Members;
  const known = KINDS.find((one) => one === kind);
  if (known === undefined || !isPacked(data)) return undefined;
  return {
    kind: known,
    data: data.data,
    moved: data.moved,
    last: readLastRun(last),
  };
}

function readLastRun(data: unknown): LastRun | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { because, mark } = data as Members;
  if (because === 'heap') return { because };
  if (typeof mark !== 'number') return undefined;
  return because === 'leftovers' || because === 'load' ? { because, mark } : undefined;
}

/** Reads a LeftoverUse; undefined for anything else. */
export function readLeftoverUse(data: unknown): LeftoverUse | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { type, mark, ms } = data as Members;
  if (type !== 'leftover-use' || typeof mark !== 'number' || typeof ms !== 'number') return undefined;
  return ms > 0 && Number.isFinite(ms) ? { type, mark, ms } : undefined;
}

/** Reads a Leftover; undefined for anything else. */
export function readLeftover(data: unknown): Leftover | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { type, of, task, mark, traceparent, message, stack } = data as Members;
  if (type !== 'leftover' || typeof message !== 'string') return undefined;
  return {
    type,
    task: typeof task === 'string' ? task : undefined,
    mark: typeof mark === 'number' ? mark : undefined,
    traceparent: typeof traceparent === 'string' ? traceparent : undefined,
    of: of === 'load' || of === 'listener' ? of : 'task',
    message,
    stack: typeof stack === 'string' ? stack : undefined,
  };
}

/** Whether the buffer of a view can be transferred: it is not shared, and holds only this view. */
const isWholeView = (value: unknown): value is Uint8Array =>
  value instanceof Uint8Array &&
  value.buffer instanceof ArrayBuffer &&
  value.byteLength === value.buffer.byteLength;

const isPriority = (value: unknown): value is Priority =>
  typeof value === 'string' && Object.hasOwn(PRIORITIES, value);

const isPacked = (value: unknown): value is Packed => {
  if (typeof value !== 'object' || value === null) return false;
  const { data, moved } = value as Members;
  if (!isWholeView(data) || !Array.isArray(moved)) return false;
  // A list that has holes, or a buffer twice, could not be passed on. The length of one with holes may be any
  // number, so the loop ends at the first hole.
  const buffers = new Set<unknown>([data.buffer]);
  for (let at = 0; at < moved.length; at += 1) {
    const one: unknown = moved[at];
    if (!(one instanceof ArrayBuffer) || buffers.has(one)) return false;
    buffers.add(one);
  }
  return true;
};

/** The transfer list of packed values. Every view in these messages has a buffer of its own. */
export const buffersOf = ({ data, moved }: Packed): ArrayBuffer[] => [data.buffer as ArrayBuffer, ...moved];

/** The transfer list of an order. */
export const transfersOf = (order: Pick<TaskOrder, 'input' | 'progress'>): (ArrayBuffer | MessagePort)[] =>
  order.progress === undefined ? buffersOf(order.input) : [...buffersOf(order.input), order.progress];
