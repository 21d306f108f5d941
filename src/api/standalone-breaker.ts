// The circuit breaker on its own, for a program without a server. With the memory of another thread's breaker
// it is the same breaker. In a service, `shared.breaker` is that of all workers already.
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

export interface StandaloneBreakerOptions extends BreakerOptions {
  /** Of a breaker in another thread, with which this one is the same; its numbers must be the same, too. */
  readonly memory?: PartMemory;
  /** Threads that may use it at the same time, 1..1024, where it has memory of its own. Default 64. */
  readonly threads?: number;
  /** For messages. Default `breaker`. */
  readonly name?: string;
  /** Told of every transition in the thread that has made it, once in all threads. */
  onChange?(to: 'closed' | 'open' | 'half-open'): void;
}

export interface StandaloneBreaker extends CircuitBreaker {
  /** For other threads. */
  readonly memory: PartMemory;
  /**
   * Gives back the probes that a thread held which has ended, and its place among `threads`, wherever the
   * thread was killed. Without it a lost probe counts until the breaker opens again, `slowCallMs` after the
   * last probe.
   * @param thread its `threadId`; a Worker forgets it when it ends, so ask for it before
   * @returns false when that thread has no place
   * @throws RangeError for the thread that calls, and for what is no `threadId`, such as the -1 of an ended
   *   Worker
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
 * @throws TypeError for bad numbers, and such as are not those of the memory; RangeError when it is used by
 *   too many threads; Error for memory of anything else
 */
export function createBreaker(options: StandaloneBreakerOptions = {}): StandaloneBreaker {
  const numbers = checkedTripNumbers('createBreaker', options, OPTIONS);
  const { name = NAME } = options;
  const part = partFor('breaker', options);
  const named = new NamedBreakers(part);
  const cell = named.slotOf(NAME);
  if (!named.agree(cell, toStoredNumbers(numbers), false)) {
    throw new TypeError('createBreaker: the memory is of a breaker with other numbers');
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
