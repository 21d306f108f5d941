// A bulkhead: at most a number of pieces of work of one kind run at once, over all threads, so that slow work
// cannot take every resource with it (M. Nygard, "Release It!"). A few callers may wait for a permit for a
// short time; a caller that finds the queue full, or waits too long, is rejected.
import { manyMayListen } from '../abort-source.js';
import { UnavailableError } from '../errors.js';
import { Hold } from '../hold.js';
import { type Linked, LinkedList } from '../linked-list.js';
import { currentScope, isAborted, type Scope } from '../scope.js';
import type { BulkheadOptions } from './bulkhead-options.js';
import type { Permits } from './bulkhead-permits.js';
import type { RunOptions } from './policy.js';
import { checkRun } from './run-options.js';

export interface BulkheadQueueOptions extends Required<BulkheadOptions> {
  readonly permits: Permits;
  readonly onRefused: () => void;
}

/**
 * How often a thread with waiters publishes them again and looks for a free permit: it may have missed the
 * bell, or the thread that was to ring it may have ended before.
 */
const LOOK_EVERY_MS = 5;

/** A request or a piece of work that wants a permit. */
export interface PermitHolder {
  /**
   * Ends the wait when it aborts; undefined: only `queueMs` ends it. It is read only when the holder has to
   * wait, or has been aborted.
   */
  readonly signal: AbortSignal | undefined;
  /** Whether the signal has aborted: then the holder gets no permit. */
  readonly isAborted: boolean;
  /**
   * Gives the holder its permit, which it returns by `leave`. Called in the same turn in which the permit was
   * taken, not in a continuation: a thread that is interrupted may lose its continuations.
   */
  hold(permit: { leave(): void }): void;
}

/** The permit of one `run`. */
class WorkPermit extends Hold implements PermitHolder {
  readonly #scope: Scope | undefined = currentScope();
  readonly #signal: AbortSignal | undefined;
  #permit: { leave(): void } | undefined;

  constructor(signal: AbortSignal | undefined) {
    super();
    this.#signal = signal;
  }

  get signal(): AbortSignal | undefined {
    return this.#signal ?? this.#scope?.signal;
  }

  get isAborted(): boolean {
    return this.#signal?.aborted ?? isAborted(this.#scope);
  }

  hold(permit: { leave(): void }): void {
    this.#permit = permit;
    this.take(this.#scope?.holds);
  }

  protected override onRelease(): void {
    this.#permit?.leave();
  }
}

interface Waiter extends Linked<Waiter> {
  readonly since: number;
  readonly until: number;
  readonly enter: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Limits how much work of one kind runs at once. */
export interface Bulkhead {
  /**
   * Runs the work with a permit of its own and returns its result. It waits for a permit as long as the
   * options allow.
   * @throws UnavailableError OVERLOADED with `Retry-After` when there is no permit; the reason of the signal
   *   when that has aborted before the work began; and what the work throws
   */
  run<T>(work: () => T | PromiseLike<T>, options?: RunOptions): Promise<T>;
  /** The number of permits held, over all threads. */
  readonly held: number;
  /** The number of callers that wait for a permit in this thread. */
  readonly waiting: number;
}

/**
 * The bulkhead of one thread. Its permits are those of all threads, and the caller that has waited longest in
 * any thread comes first.
 */
export class BulkheadQueue implements Bulkhead {
  readonly #options: BulkheadQueueOptions;
  readonly #waiting = new LinkedList<Waiter>();
  #timer: NodeJS.Timeout | undefined;
  #isListening = false;

  constructor(options: BulkheadQueueOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get held(): number {
    return this.#options.permits.held;
  }

  async run<T>(work: () => T | PromiseLike<T>, options?: RunOptions): Promise<T> {
    checkRun(work, options);
    const permit = new WorkPermit(options?.signal);
    const waiting = this.enter(permit);
    if (waiting !== undefined) await waiting;
    try {
      return await work();
    } finally {
      permit.release();
    }
  }

  /**
   * Takes a permit and gives it to the holder.
   * @returns undefined when it got one at once, which takes no promise
   * @throws UnavailableError OVERLOADED; the reason of the signal
   */
  enter(holder: PermitHolder): Promise<void> | undefined {
    const { queue } = this.#options;
    if (holder.isAborted) throw holder.signal?.reason;
    // A new caller does not overtake those that wait.
    if (this.#waiting.size === 0 && this.#enter()) {
      holder.hold(this);
      return undefined;
    }
    if (this.#waiting.size >= queue) throw this.#refusal();
    return this.#wait(holder);
  }

  leave(): void {
    const { permits, limit, queue } = this.#options;
    const next = this.#waiting.oldest;
    if (next !== undefined && permits.held <= limit - permits.line.ahead(next.since)) {
      this.#admit(next);
      return;
    }
    permits.leave();
    if (queue > 0) permits.line.ring();
  }

  /**
   * Takes a permit, unless it is due to a caller that has waited longer.
   * @param since when the wait began, by the clock of the line; undefined: now. The clock is not read when
   *   there is no queue.
   */
  #enter(since?: number): boolean {
    const { permits, limit, queue } = this.#options;
    if (queue === 0) return permits.enter(limit);
    return permits.enter(limit - permits.line.ahead(since ?? permits.line.now()));
  }

  #wait(holder: PermitHolder): Promise<void> {
    const { signal } = holder;
    return new Promise((resolve, reject) => {
      const abandon = (): void => {
        this.#remove(waiter);
        reject(signal?.reason as Error);
      };
      const settled = <A extends readonly unknown[]>(end: (...args: A) => void) => {
        return (...args: A): void => {
          signal?.removeEventListener('abort', abandon);
          end(...args);
        };
      };
      const { permits, queueMs } = this.#options;
      const since = permits.line.now();
      const until = performance.now() + queueMs;
      const admitted = (): void => {
        holder.hold(this);
        resolve();
      };
      const waiter: Waiter = { since, until, enter: settled(admitted), reject: settled(reject) };
      if (signal !== undefined) {
        manyMayListen(signal);
        signal.addEventListener('abort', abandon, { once: true });
      }
      this.#waiting.add(waiter);
      this.#publish();
      this.#listen();
      this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS);
    });
  }

  /**
   * Admits waiters that get a permit and rejects those that have waited too long. All may wait for the same
   * time, so the first one that has to go on waiting ends the search.
   */
  #look(): void {
    const now = performance.now();
    for (let waiter = this.#waiting.oldest; waiter !== undefined; waiter = this.#waiting.oldest) {
      if (this.#enter(waiter.since)) this.#admit(waiter);
      else if (waiter.until <= now) {
        this.#remove(waiter);
        waiter.reject(this.#refusal());
      } else {
        this.#publish();
        return;
      }
    }
  }

  /** Looks for a permit each time another thread rings the bell of this one, as long as there are waiters. */
  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    void this.#options.permits.line.rung().then(() => {
      this.#isListening = false;
      if (this.#waiting.size === 0) return;
      this.#look();
      this.#listen();
    });
  }

  #admit(waiter: Waiter): void {
    this.#remove(waiter);
    waiter.enter();
  }

  #remove(waiter: Waiter): void {
    this.#waiting.remove(waiter);
    this.#publish();
    if (this.#waiting.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #publish(): void {
    const { line } = this.#options.permits;
    const { oldest, size } = this.#waiting;
    if (oldest === undefined) line.clear();
    else line.publish(oldest.since, size);
  }

  #refusal(): UnavailableError {
    this.#options.onRefused();
    return new UnavailableError('OVERLOADED', 'All permits of this bulkhead are taken.');
  }
}
