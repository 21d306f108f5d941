// The saga engines of a suite: over one journal in memory, with a clock that the tests set. All are drained
// after each test.
import type { SagaEngine } from '#src/saga/engine.js';
import type { SagaView } from '#src/saga/saga.js';
import { MemoryStore } from '#test/conformance/journal-memory.js';
import { definitionOf, engineOn, Moment, type Step, VirtualPauses } from './harness.js';

/** Longer than any saga of these tests takes. */
export const LONG = { timeoutMs: 20_000 };

type EngineOptions = Parameters<typeof engineOn>[2] & { readonly version?: number };

export class Engines {
  now = Date.now();
  readonly store = new MemoryStore(() => this.now);
  readonly started: SagaEngine[] = [];
  readonly #pauses = new VirtualPauses(
    () => this.now,
    (at) => {
      this.now = at;
    },
  );

  /** A pause that takes no real time: the clock advances instead. */
  readonly sleep = this.#pauses.sleep;

  start(steps: readonly Step[], { version = 1, ...options }: EngineOptions = {}): SagaEngine {
    const engine = engineOn(this.store, [definitionOf(steps, 'transfer', version)], options);
    this.started.push(engine);
    return engine;
  }

  /** Runs a saga of these steps and waits for its end. */
  async ends(steps: readonly Step[], options?: EngineOptions): Promise<SagaView> {
    const { sagas } = this.start(steps, options);
    const { sagaId } = await sagas.start('transfer', { amount: 1 });
    return sagas.wait(sagaId, LONG);
  }

  /** Starts a saga whose first step never ends, as if its worker had died in it. */
  async abandoned(): Promise<string> {
    const begun = new Moment();
    const hang: Step = { name: 'a', run: () => new Promise(() => begun.now()) };
    const dead = this.start([hang, { name: 'b', run: () => 1 }]);
    const { sagaId } = await dead.sagas.start('transfer', { amount: 1 });
    await begun.happened;
    return sagaId;
  }

  async drain(): Promise<void> {
    await Promise.all(this.started.map((engine) => engine.drain(0)));
  }
}

/** Call in a `describe`. @returns the engines of the test that runs */
export function useEngines(): () => Engines {
  let engines: Engines;
  beforeEach(() => {
    engines = new Engines();
  });
  afterEach(() => engines.drain());
  return () => engines;
}
