// Sagas while clocks are set: that of the database, which dates leases and pauses, and those of the workers.
// Only the monotonic clocks advance evenly, and no worker sees another's.
import { expect } from 'chai';
import fc from 'fast-check';
import { BusinessError } from '#src/errors.js';
import type { SagaEngine } from '#src/saga/engine.js';
import { hasEnded, type Journal } from '#src/saga/journal.js';
import type { StepContext } from '#src/saga/saga.js';
import { LEASE_MS } from '#src/saga/saga-lease.js';
import { MemoryStore } from '#test/conformance/journal-memory.js';
import { newSeed, seeded } from '#test/support/random.js';
import { definitionOf, engineOn, type Step, VirtualPauses } from './harness.js';
import { Life } from './world.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WORKERS = 3;
const MOST_PAUSE_MS = 20_000;
const MOST_LATENCY_MS = 400;
/** The limit of deaths: each counts as an attempt of the step that it ends. */
const MOST_DEATHS = 3;
const MOST_FAILURES = 2;
/** A lease, the time that other workers have to renew, and some rounds with their replies. */
const TAKEN_OVER_MS = LEASE_MS + 5_000 + 9_000;

interface Attempts {
  /** How long each step takes. */
  readonly takeMs: number;
  readonly failures: number;
}

interface Event {
  readonly afterMs: number;
  /** The worker `which` dies and is replaced, or a clock is set. */
  readonly what: 'database' | 'workers' | 'death';
  /** How far the clock is ahead from then on; 0 is the right time. */
  readonly aheadMs: number;
  readonly which: number;
}

const attempts: fc.Arbitrary<Attempts> = fc.record({
  takeMs: fc.constantFrom(0, 300, 4_000, 15_000),
  failures: fc.integer({ min: 0, max: MOST_FAILURES }),
});
const step = fc.record({
  forward: attempts,
  back: attempts,
  pauseMs: fc.constantFrom(1_000, 4_000, MOST_PAUSE_MS),
});
const SIZES = [400, 1_300, 4_000, 7_000, 60_000, HOUR_MS, DAY_MS];
const event: fc.Arbitrary<Event> = fc.record({
  afterMs: fc.oneof(fc.integer({ min: 0, max: 1_500 }), fc.integer({ min: 0, max: 15_000 })),
  what: fc.constantFrom('database', 'database', 'database', 'workers', 'death'),
  aheadMs: fc.constantFrom(0, 0, 0, ...SIZES, ...SIZES.map((ms) => -ms)),
  which: fc.nat({ max: WORKERS - 1 }),
});
const scenario = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 3 }),
  refuses: fc.boolean(),
  events: fc.array(event, { minLength: 1, maxLength: 8 }),
  /** How long a claim may take, and how much later that may make everything. */
  claim: fc.constantFrom({ mostMs: MOST_LATENCY_MS, laterMs: 0 }, { mostMs: 6_000, laterMs: 40_000 }),
  random: fc.integer(),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

class Simulation {
  readonly #given: Scenario;
  readonly #random: () => number;
  readonly #store = new MemoryStore(() => this.#at + this.#aheadMs);
  readonly #workers: { readonly life: Life; readonly engine: SagaEngine }[] = [];
  #at = 1_800_000_000_000;
  #aheadMs = 0;
  #wallAheadMs = 0;
  #deaths = 0;
  readonly #pauses = new VirtualPauses(
    () => this.#at,
    (at) => {
      this.#at = at;
    },
  );
  readonly #never = new AbortController().signal;
  readonly #failures = new Map<string, number>();
  readonly #inside = new Map<string, Life>();
  /** The moment since which no step of a saga runs. */
  readonly #idleSince = new Map<string, number>();
  readonly #eventsAt: number[] = [];
  /** Sagas of which two live workers ran steps at the same time. */
  readonly atOnce: string[] = [];
  /** Milliseconds for which no worker ran a saga, beyond what its pauses and the clocks explain. */
  readonly late: number[] = [];

  /**
   * @param slowMs how long every query and every reply takes at least
   * @param isReplaced whether a worker that dies is replaced
   */
  constructor(
    given: Scenario,
    readonly slowMs = 0,
    readonly isReplaced = true,
  ) {
    this.#given = given;
    this.#random = seeded(given.random);
  }

  async run(): Promise<readonly string[]> {
    while (this.#workers.length < WORKERS) this.#born(this.#workers.length);
    await this.#nap(10_000);
    for (const { engine } of this.#workers) await engine.sagas.start('transfer', {});
    for (const { afterMs, what, aheadMs, which } of this.#given.events) {
      await this.#nap(afterMs);
      this.#eventsAt.push(this.#at);
      if (what === 'database') this.#aheadMs = aheadMs;
      if (what === 'workers') this.#wallAheadMs = aheadMs;
      if (what === 'death' && this.#deaths++ < MOST_DEATHS) this.#die(which);
    }
    const until = this.#at + 30 * 60_000;
    while (this.#at < until && this.#store.records().some(({ status }) => !hasEnded(status))) {
      await this.#nap(1_000);
    }
    const living = this.#workers.filter(({ life }) => life.alive);
    await Promise.all(living.map(({ engine }) => engine.drain(0)));
    return this.#store.records().map(({ status }) => status);
  }

  #nap(ms: number): Promise<void> {
    return this.#pauses.sleep(ms, this.#never);
  }

  #born(slot: number): void {
    const life = new Life();
    const steps = this.#given.steps.map(
      ({ forward, back, pauseMs }, position): Step => ({
        name: `step-${position}`,
        timeoutMs: 60_000,
        retry: { attempts: MOST_FAILURES + MOST_DEATHS + 1, backoffMs: pauseMs, maxBackoffMs: pauseMs },
        run: (_, ctx) => this.#enter(life, ctx, forward),
        compensate: (_, ctx) => this.#enter(life, ctx, back),
      }),
    );
    const refuse = (): void => {
      if (this.#given.refuses) throw new BusinessError('NO', 'no');
    };
    const engine = engineOn(this.#store, [definitionOf([...steps, { name: 'last', run: refuse }])], {
      sleep: life.sleep(this.#pauses.sleep),
      clock: () => this.#at,
      now: () => this.#at + this.#wallAheadMs,
      random: this.#random,
      wrap: (journal) => this.#distant(life.journal(journal, undefined)),
    });
    this.#workers[slot] = { life, engine };
    engine.start();
  }

  /** A journal whose queries and replies take a while. */
  #distant(journal: Journal): Journal {
    return new Proxy(journal, {
      get:
        (target, name: keyof Journal) =>
        async (...args: unknown[]) => {
          const mostMs = name === 'claim' ? this.#given.claim.mostMs : MOST_LATENCY_MS;
          await this.#nap(this.slowMs + this.#random() * mostMs);
          const result = await (target[name] as (...given: unknown[]) => unknown).apply(target, args);
          await this.#nap(this.slowMs + this.#random() * MOST_LATENCY_MS);
          return result;
        },
    });
  }

  #die(slot: number): void {
    const { life } = this.#workers[slot]!;
    void life.die();
    for (const [sagaId, inside] of this.#inside) if (inside === life) this.#leave(sagaId, life);
    if (this.isReplaced) this.#born(slot);
  }

  async #enter(life: Life, { sagaId, key }: StepContext, { takeMs, failures }: Attempts): Promise<void> {
    if (this.#inside.get(sagaId)?.alive) this.atOnce.push(sagaId);
    this.#inside.set(sagaId, life);
    this.#wake(sagaId);
    await this.#nap(takeMs);
    if (!life.alive) await new Promise(() => undefined);
    this.#leave(sagaId, life);
    const failed = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failed + 1);
    if (failed < failures) throw new Error('down');
  }

  #leave(sagaId: string, life: Life): void {
    if (this.#inside.get(sagaId) !== life) return;
    this.#inside.delete(sagaId);
    this.#idleSince.set(sagaId, this.#at);
  }

  /** A pause begins anew when the clock is set, and so does the time that runners get to renew. */
  #wake(sagaId: string): void {
    const since = this.#idleSince.get(sagaId) ?? this.#at;
    const events = this.#eventsAt.filter((at) => at >= since - TAKEN_OVER_MS).length;
    const mostMs = MOST_PAUSE_MS + TAKEN_OVER_MS + this.#given.claim.laterMs;
    this.late.push(this.#at - since - (events + 1) * mostMs);
  }
}

describe('sagas while clocks are set back and forth, by up to a day', () => {
  const seed = newSeed();

  it(`continue in time, and none is run by two workers at once (SEED=${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const simulation = new Simulation(given);
        const statuses = await simulation.run();
        expect(simulation.atOnce, 'two workers at once').to.deep.equal([]);
        expect(new Set(statuses)).to.deep.equal(new Set([given.refuses ? 'compensated' : 'completed']));
        expect(Math.max(...simulation.late), 'ms too late').to.be.at.most(0);
      }),
      { seed, numRuns: Number(process.env.RUNS ?? 120) },
    );
  }).timeout(60_000);

  it(`continue in time with a database that takes two seconds, while every worker has leases to renew (SEED=${seed})`, async () => {
    const forward = { takeMs: 50_000, failures: 0 };
    const step = { forward, back: forward, pauseMs: 1_000 } as const;
    const given: Scenario = {
      steps: [step, step, step, step],
      refuses: false,
      events: [{ afterMs: 5_000, what: 'death', aheadMs: 0, which: 0 }],
      claim: { mostMs: MOST_LATENCY_MS, laterMs: 0 },
      random: seed,
    };
    const simulation = new Simulation(given, 900, false);
    expect(new Set(await simulation.run())).to.deep.equal(new Set(['completed']));
    expect(Math.max(...simulation.late), 'ms too late').to.be.at.most(0);
  }).timeout(60_000);
});
