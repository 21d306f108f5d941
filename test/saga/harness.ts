// Engines for tests: over a journal in memory, silent, with chance and time in the test's hand.
import { pino } from 'pino';
import { Rows } from '#src/db/rows.js';
import type { AnyDefinition } from '#src/saga/definition.js';
import { createSagaEngine, type SagaEngine, type SagaEngineOptions } from '#src/saga/engine.js';
import type { Journal } from '#src/saga/journal.js';
import { LEASE_MS } from '#src/saga/runner.js';
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
    journal: wrap(new MemoryJournal(store, LEASE_MS)),
    ...rest,
  });
}

/** Something that happens once: awaited in one place, called in another. */
export class Moment<T = void> {
  readonly happened: Promise<T>;
  now!: (value: T) => void;

  constructor() {
    this.happened = new Promise<T>((resolve) => (this.now = resolve));
  }
}
