// Engines for tests: over a journal in memory, silent, with chance and time in the test's hand.
import { pino } from 'pino';
import { Rows } from '#src/db/rows.js';
import type { AnyDefinition } from '#src/saga/definition.js';
import { createSagaEngine, type SagaEngine, type SagaEngineOptions } from '#src/saga/engine.js';
import type { Journal } from '#src/saga/journal.js';
import { LEASE_MS } from '#src/saga/lease.js';
import type { SagaStep, StepContext } from '#src/saga/saga.js';
import { MemoryJournal, type MemoryStore } from '#test/conformance/journal-memory.js';

export const silent = pino({ level: 'silent' });

/** A step of any saga; tests say what their input is. */
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

interface Nap {
  readonly at: number;
  readonly signal: AbortSignal;
  readonly wake: () => void;
}

/** Naps that take no time of ours: the clock of the test goes on to where the next one ends. */
export class VirtualNaps {
  readonly #advanceTo: (at: number) => void;
  readonly #now: () => number;
  #naps: Nap[] = [];

  constructor(now: () => number, advanceTo: (at: number) => void) {
    this.#now = now;
    this.#advanceTo = advanceTo;
  }

  readonly sleep = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((wake) => {
      if (signal.aborted) return wake();
      this.#naps.push({ at: this.#now() + ms, signal, wake });
      if (this.#naps.length === 1) setImmediate(() => this.#pass());
    });

  /** Whatever was woken has its turn before the clock goes on. */
  #pass(): void {
    const next = Math.min(...this.#naps.map(({ at }) => at));
    const isOver = ({ at, signal }: Nap): boolean => at <= next || signal.aborted;
    this.#advanceTo(Math.max(next, this.#now()));
    const woken = this.#naps.filter(isOver);
    this.#naps = this.#naps.filter((nap) => !isOver(nap));
    for (const { wake } of woken) wake();
    if (this.#naps.length > 0) setImmediate(() => this.#pass());
  }
}

/** Something that happens once: awaited in one place, called in another. */
export class Moment<T = void> {
  readonly happened: Promise<T>;
  now!: (value: T) => void;

  constructor() {
    this.happened = new Promise<T>((resolve) => (this.now = resolve));
  }
}
