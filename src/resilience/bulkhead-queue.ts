// So many of one kind at once and no more, over all threads: what is slow cannot take everything with it (M.
// Nygard, "Release It!"). A few may wait for a place, for a short time; who finds no place to wait, or waits
// too long, is refused.
import { UnavailableError } from '../errors.js';
import { Hold } from '../hold.js';
import { type Linked, LinkedList } from '../linked-list.js';
import {
  checkOptions,
  type OptionKind,
  type OptionsShape,
  shapeOf,
  typeErrorFor,
  wholeNumber,
} from '../options.js';
import { currentScope, isAborted, type Scope } from '../scope.js';
import { manyMayListen } from './cancellation.js';
import type { RunOptions } from './policy.js';
import { checkRun } from './run-options.js';

/** Places, counted for all threads. */
export interface Permits {
  enter(most: number): boolean;
  leave(): void;
  /** In all threads. */
  readonly held: number;
  readonly line: Line;
}

/** Who waits for a place, over all threads: see memory/bulkhead-line.ts. */
export interface Line {
  now(): number;
  publish(since: number, waiters: number): void;
  clear(): void;
  ahead(since: number): number;
  ring(): void;
  rung(): Promise<void>;
}

export interface BulkheadOptions {
  /** At once, in all threads. */
  readonly limit: number;
  /** More of them that may wait for a place, in each thread. Default 0. */
  readonly queue?: number;
  /** For how long they may, in milliseconds. Default 50. */
  readonly queueMs?: number;
}

const QUEUE_MS = 50;
const LONGEST_QUEUE_MS = 60_000;

export const BULKHEAD_KINDS: { readonly [K in keyof BulkheadOptions]-?: OptionKind } = {
  limit: wholeNumber(1),
  queue: wholeNumber(0),
  queueMs: {
    text: `a number above 0, at most ${LONGEST_QUEUE_MS}`,
    is: (value) => typeof value === 'number' && value > 0 && value <= LONGEST_QUEUE_MS,
  },
};

export const bulkheadShape = <O extends BulkheadOptions>(
  kinds: {
    readonly [K in keyof Required<O>]: OptionKind;
  },
): OptionsShape => shapeOf<O>('{ limit: 20, queue: 50 }', kinds, ['limit']);

const BULKHEAD = bulkheadShape<BulkheadOptions>(BULKHEAD_KINDS);

/**
 * @param what is said in front of what is wrong
 * @param shape of settings among which are those of a bulkhead
 * @throws TypeError
 */
export function checkedBulkheadOptions(
  what: string,
  given: BulkheadOptions,
  shape = BULKHEAD,
): Required<BulkheadOptions> {
  checkOptions(given, shape, typeErrorFor(what));
  const { limit, queue = 0, queueMs = QUEUE_MS } = given;
  return { limit, queue, queueMs };
}

/** Of a number that goes with a name in shared memory. */
const MOST = 2 ** 31 - 2;

/** As they are kept there: places, places, microseconds. */
export const bulkheadNumbers = ({ limit, queue, queueMs }: Required<BulkheadOptions>): readonly number[] =>
  [limit, queue, Math.round(queueMs * 1000)].map((term) => Math.min(term, MOST));

export interface BulkheadQueueOptions extends Required<BulkheadOptions> {
  readonly permits: Permits;
  readonly onRefused: () => void;
}

/**
 * At this pace a thread in which somebody waits says so, and looks for a place: the bell that others ring may
 * have been missed, or they may have ended before they rang it.
 */
const LOOK_EVERY_MS = 5;

/** What takes a place: a request, or a piece of work. */
export interface PermitHolder {
  /**
   * With it the guest stops waiting; undefined: only with `queueMs`. Read only when it has to wait, or has
   * aborted.
   */
  readonly signal: AbortSignal | undefined;
  /** Whether the signal has aborted: then the guest gets no place. */
  readonly isAborted: boolean;
  /**
   * The place is the guest's, who gives it back by `leave`. Called at once, not in a continuation, which may
   * be lost.
   */
  hold(place: { leave(): void }): void;
}

/** The place of one `run`. */
class WorkPermit extends Hold implements PermitHolder {
  readonly #scope: Scope | undefined = currentScope();
  readonly #signal: AbortSignal | undefined;
  #place: { leave(): void } | undefined;

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

  hold(place: { leave(): void }): void {
    this.#place = place;
    this.take(this.#scope?.holds);
  }

  protected override onRelease(): void {
    this.#place?.leave();
  }
}

interface Waiter extends Linked<Waiter> {
  readonly since: number;
  readonly until: number;
  readonly enter: () => void;
  readonly refuse: (reason: unknown) => void;
}

/** As those who have work use it. */
export interface Bulkhead {
  /**
   * Does the work in a place of its own and returns what it gives; waits for a place as long as the settings
   * say.
   * @throws UnavailableError OVERLOADED with `Retry-After` when there is none, the reason of the signal while
   *   it waits or when it has aborted before, and what the work throws
   */
  run<T>(work: () => T | PromiseLike<T>, options?: RunOptions): Promise<T>;
  /** Places taken, over all threads. */
  readonly held: number;
  /** Work that waits for a place in this thread. */
  readonly waiting: number;
}

/**
 * The bulkhead of one thread. Places are those of all threads, and who has waited longest in any of them
 * comes first.
 */
export class BulkheadQueue implements Bulkhead {
  readonly #parts: BulkheadQueueOptions;
  readonly #waiting = new LinkedList<Waiter>();
  #timer: NodeJS.Timeout | undefined;
  #listens = false;

  constructor(parts: BulkheadQueueOptions) {
    this.#parts = parts;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get held(): number {
    return this.#parts.permits.held;
  }

  async run<T>(work: () => T | PromiseLike<T>, options?: RunOptions): Promise<T> {
    checkRun(work, options);
    const place = new WorkPermit(options?.signal);
    const waits = this.enter(place);
    if (waits !== undefined) await waits;
    try {
      return await work();
    } finally {
      place.release();
    }
  }

  /**
   * Takes a place and hands it to the guest; undefined: at once, no promise.
   * @throws UnavailableError OVERLOADED, the reason of the signal
   */
  enter(guest: PermitHolder): Promise<void> | undefined {
    const { queue } = this.#parts;
    if (guest.isAborted) throw guest.signal?.reason;
    // Nobody overtakes those who wait.
    if (this.#waiting.size === 0 && this.#enter()) {
      guest.hold(this);
      return undefined;
    }
    if (this.#waiting.size >= queue) throw this.#refusal();
    return this.#wait(guest);
  }

  leave(): void {
    const { permits, limit, queue } = this.#parts;
    const next = this.#waiting.oldest;
    if (next !== undefined && permits.held <= limit - permits.line.ahead(next.since)) {
      this.#admit(next);
      return;
    }
    permits.leave();
    if (queue > 0) permits.line.ring();
  }

  /**
   * Takes a place, but none of those that are due to others who have waited longer.
   * @param since of the line's clock; undefined: now. Where nobody may wait the clock is not read.
   */
  #enter(since?: number): boolean {
    const { permits, limit, queue } = this.#parts;
    if (queue === 0) return permits.enter(limit);
    return permits.enter(limit - permits.line.ahead(since ?? permits.line.now()));
  }

  #wait(guest: PermitHolder): Promise<void> {
    const { signal } = guest;
    return new Promise((resolve, reject) => {
      const left = (): void => {
        this.#remove(waiter);
        reject(signal?.reason as Error);
      };
      const settled = <A extends readonly unknown[]>(end: (...args: A) => void) => {
        return (...args: A): void => {
          signal?.removeEventListener('abort', left);
          end(...args);
        };
      };
      const { permits, queueMs } = this.#parts;
      const since = permits.line.now();
      const until = performance.now() + queueMs;
      const admitted = (): void => {
        guest.hold(this);
        resolve();
      };
      const waiter: Waiter = { since, until, enter: settled(admitted), refuse: settled(reject) };
      if (signal !== undefined) {
        manyMayListen(signal);
        signal.addEventListener('abort', left, { once: true });
      }
      this.#waiting.add(waiter);
      this.#say();
      this.#listen();
      this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS);
    });
  }

  /** All wait equally long, so those behind one that must go on waiting must do so, too. */
  #look(): void {
    const now = performance.now();
    for (let waiter = this.#waiting.oldest; waiter !== undefined; waiter = this.#waiting.oldest) {
      if (this.#enter(waiter.since)) this.#admit(waiter);
      else if (waiter.until <= now) {
        this.#remove(waiter);
        waiter.refuse(this.#refusal());
      } else {
        this.#say();
        return;
      }
    }
  }

  #listen(): void {
    if (this.#listens) return;
    this.#listens = true;
    void this.#parts.permits.line.rung().then(() => {
      this.#listens = false;
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
    this.#say();
    if (this.#waiting.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #say(): void {
    const { line } = this.#parts.permits;
    const { oldest, size } = this.#waiting;
    if (oldest === undefined) line.clear();
    else line.publish(oldest.since, size);
  }

  #refusal(): UnavailableError {
    this.#parts.onRefused();
    return new UnavailableError('OVERLOADED', 'Too many of these are being worked on.');
  }
}
