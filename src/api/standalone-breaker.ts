// A circuit breaker for programs without a server. A thread that passes the memory of another thread's
// breaker uses the same breaker. In a service, `shared.breaker` already is one for all workers.
import { threadId } from 'node:worker_threads';
import { BreakerCells } from '../memory/breaker/breaker-cell.js';
import { NamedBreakers } from '../memory/breaker/named-breakers.js';
import { sharedClock } from '../memory/clock.js';
import { refreshHourly } from '../memory/hourly-sweep.js';
import type { PartMemory } from '../memory/part.js';
import { ANYTHING, FUNCTION, shapeOf, TEXT } from '../options.js';
import {
  BREAKER_KINDS,
  type BreakerOptions,
  checkedTripNumbers,
  toStoredNumbers,
} from '../resilience/breaker-options.js';
import { type CircuitBreaker, circuitBreaker } from '../resilience/circuit-breaker.js';
import { threadWatch } from '../resilience/loop-watch.js';
import { tripRule } from '../resilience/trip-rules.js';
import { partFor } from './standalone-memory.js';

/** The options of `createBreaker`. */
export interface StandaloneBreakerOptions extends BreakerOptions {
  /**
   * The memory of a breaker in another thread. Both instances then act as one, and must have the same
   * options.
   * @default new memory
   */
  readonly memory?: PartMemory;
  /**
   * Threads that may use the breaker at the same time, 1..1024, when it has new memory.
   * @default 64
   */
  readonly threads?: number;
  /**
   * The name in messages.
   * @default 'breaker'
   */
  readonly name?: string;
  /** Called once for every transition, in the thread that caused it. */
  onChange?(to: 'closed' | 'open' | 'half-open'): void;
}

/** A circuit breaker whose state several threads share. */
export interface StandaloneBreaker extends CircuitBreaker {
  /** The memory to pass to another thread. */
  readonly memory: PartMemory;
  /**
   * Releases the probes and the slot of a thread that has ended, whatever it was doing when it was killed.
   * Without this call a lost probe counts as running until `slowCallMs` after the last probe, when the
   * breaker opens again.
   * @param thread the `threadId` of the thread; read it early, since a Worker loses it when it ends
   * @returns false when that thread has no slot
   * @throws RangeError for the calling thread, and for a number that is no `threadId`, such as the -1 of an
   *   ended Worker
   */
  reclaim(thread: number): boolean;
}

const NAME = 'breaker';

const OPTIONS = shapeOf<StandaloneBreakerOptions>('{ openMs: 30_000 }', {
  ...BREAKER_KINDS,
  memory: ANYTHING,
  threads: ANYTHING,
  name: TEXT,
  onChange: FUNCTION,
});

/**
 * Creates a circuit breaker, or attaches to that of another thread.
 * @throws TypeError for bad options, or options that differ from those in the memory; RangeError when too
 *   many threads use it; Error for memory of another kind
 * @example
 *   const breaker = createBreaker({ openMs: 5000 });
 *   const worker = new Worker(file, { workerData: { memory: breaker.memory } });
 *   // in the worker, with the same options:
 *   const same = createBreaker({ openMs: 5000, memory: workerData.memory });
 */
export function createBreaker(options: StandaloneBreakerOptions = {}): StandaloneBreaker {
  const numbers = checkedTripNumbers('createBreaker', options, OPTIONS);
  const { name = NAME } = options;
  const part = partFor('breaker', options);
  const named = new NamedBreakers(part);
  const cell = named.slotOf(NAME);
  if (!named.agree(cell, toStoredNumbers(numbers), false)) {
    throw new TypeError('createBreaker: the memory belongs to a breaker with other options');
  }
  const clock = sharedClock(part);
  const rule = tripRule(numbers);
  const cells = new BreakerCells(part, part.slotOf(threadId), rule, clock, (_cell, to) =>
    options.onChange?.(to),
  );
  refreshHourly(cells, cell);
  const breaker = circuitBreaker({
    name,
    cells,
    cell,
    slowCallMs: numbers.slowCallMs,
    judge: options,
    clock,
    watch: threadWatch,
  });
  return {
    memory: part.buffer,
    run: (work, run) => breaker.run(work, run),
    get state() {
      return breaker.state;
    },
    force: (to) => breaker.force(to),
    reclaim: (thread) => part.reclaim(thread, (slot) => cells.reclaim(slot)),
  };
}
