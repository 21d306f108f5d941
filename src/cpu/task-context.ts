// The second argument of a task: what it may use beside its input.
import type { MessagePort } from 'node:worker_threads';
import { type Packed, packedClone } from './task-clone.js';
import { notSent } from './task-failure.js';

/** The same shape as `TaskContext` of api/service-definition.ts, which this module must not import. */
export interface TaskTools {
  progress(value: unknown): void;
  transfer<T>(value: T, buffers: readonly ArrayBuffer[]): T;
  readonly traceparent: string | undefined;
}

/** At most one message in this time is sent to the caller. */
export const PROGRESS_EVERY_MS = 50;

export class OwnTaskContext {
  readonly tools: TaskTools;
  readonly #task: string;
  readonly #port: MessagePort | undefined;
  /** The buffers to move with a value that the task returns. */
  readonly #transfers = new WeakMap<object, readonly ArrayBuffer[]>();
  /** The latest value, as it was when the task reported it, until it is sent. */
  #latest: Packed | undefined;
  #sentAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(task: string, port: MessagePort | undefined, traceparent: string | undefined) {
    this.#task = task;
    this.#port = port;
    this.tools = {
      // They are own functions, because tasks take them from the object: `({ progress }) => …`.
      progress: (value) => this.#progress(value),
      transfer: (value, buffers) => {
        if (typeof value !== 'object' || value === null)
          throw new TypeError('transfer: the value must be an object that the task returns');
        this.#transfers.set(value, buffers);
        return value;
      },
      traceparent,
    };
  }

  /** The buffers that are moved with the result. */
  transferOf(result: unknown): readonly ArrayBuffer[] {
    return typeof result === 'object' && result !== null ? (this.#transfers.get(result) ?? []) : [];
  }

  /** Sends the latest value if it waits, and nothing more. */
  end(): void {
    this.#hasEnded = true;
    this.#sendLatest();
    this.#port?.close();
  }

  /** @throws TypeError for a value that cannot be sent */
  #progress(value: unknown): void {
    if (this.#port === undefined || this.#hasEnded) return;
    this.#latest = this.#packed(value);
    const waitMs = this.#sentAt + PROGRESS_EVERY_MS - performance.now();
    if (waitMs <= 0) this.#sendLatest();
    // A task that awaits nothing keeps the timer from firing. Its next value or its end sends the latest one.
    // A timer may fire up to 1 ms early.
    else this.#timer ??= setTimeout(() => this.#sendLatest(), Math.ceil(waitMs) + 1);
  }

  #sendLatest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const latest = this.#latest;
    if (latest === undefined) return;
    this.#latest = undefined;
    this.#sentAt = performance.now();
    this.#port?.postMessage(latest, [latest.data.buffer as ArrayBuffer]);
  }

  #packed(value: unknown): Packed {
    try {
      return packedClone(value);
    } catch (error) {
      throw notSent(this.#task, 'its progress cannot be sent to its caller', error);
    }
  }
}
