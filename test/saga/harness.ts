// Engines for tests: over a journal in memory, without logs, with random numbers and time set by the test.
import { pino } from 'pino';
import { Rows } from '#src/db/rows.js';
import type { AnyDefinition } from '#src/saga/definition.js';
import { createSagaEngine, type SagaEngine, type SagaEngineOptions } from '#src/saga/engine.js';
import type { Journal } from '#src/saga/journal.js';
import type { SagaStep, StepContext } from '#src/saga/saga.js';
import { LEASE_MS } from '#src/saga/saga-lease.js';
import { MemoryJournal, type MemoryStore } from '#test/conformance/journal-memory.js';

export const silent = pino({ level: 'silent' });

/** A step with any input type. */
export type Step = SagaStep<never, StepContext>;

export function definitionOf(steps: readonly Step[], name = 'transfer', version = 1): AnyDefinition {
  return { name, version, steps };
}

class NoDatabase extends Rows {
  query(): Promise<never> {
    return Promise.reject(new Error('this engine has no database'));
  }
}

export function engineOn(
  store: MemoryStore,
  definitions: readonly AnyDefinition[],
  options: Partial<SagaEngineOptions> & { readonly wrap?: (journal: Journal) => Journal } = {},
): SagaEngine {
  const { wrap = (journal: Journal) => journal, ...rest } = options;
  return createSagaEngine({
    db: new NoDatabase(),
    definitions,
    owner: { instanceId: 'test', slot: 1, generation: 1 },
    log: silent,
    random: () => 0.5,
    now: store.now,
    clock: store.now,
    journal: wrap(new MemoryJournal(store, LEASE_MS, rest.clock)),
    ...rest,
  });
}

interface Pause {
  readonly at: number;
  readonly signal: AbortSignal;
  readonly wake: () => void;
}

/** Pauses that take no real time: the clock of the test advances to the end of the next one. */
export class VirtualPauses {
  readonly #advanceTo: (at: number) => void;
  readonly #now: () => number;
  #pauses: Pause[] = [];

  constructor(now: () => number, advanceTo: (at: number) => void) {
    this.#now = now;
    this.#advanceTo = advanceTo;
  }

  readonly sleep = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((wake) => {
      if (signal.aborted) return wake();
      this.#pauses.push({ at: this.#now() + ms, signal, wake });
      if (this.#pauses.length === 1) setImmediate(() => this.#pass());
    });

  /** Lets continuations of ended pauses run before the clock advances. */
  #pass(): void {
    const next = Math.min(...this.#pauses.map(({ at }) => at));
    const isOver = ({ at, signal }: Pause): boolean => at <= next || signal.aborted;
    this.#advanceTo(Math.max(next, this.#now()));
    const ended = this.#pauses.filter(isOver);
    this.#pauses = this.#pauses.filter((pause) => !isOver(pause));
    for (const { wake } of ended) wake();
    if (this.#pauses.length > 0) setImmediate(() => this.#pass());
  }
}

/** An event that happens once: one part of a test awaits it, another triggers it. */
export class Moment<T = void> {
  readonly happened: Promise<T>;
  now!: (value: T) => void;

  constructor() {
    this.happened = new Promise<T>((resolve) => (this.now = resolve));
  }
}
