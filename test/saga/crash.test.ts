import { expect } from 'chai';
import fc from 'fast-check';
import type { SagaEngine } from '#src/saga/engine.js';
import { hasEnded, type SagaRecord, type StepRecord } from '#src/saga/journal.js';
import { LEASE_MS } from '#src/saga/saga-lease.js';
import { MAX_UNENDED_UNDOS } from '#src/saga/state-machine.js';
import { MemoryStore } from '#test/conformance/journal-memory.js';
import { newSeed } from '#test/support/random.js';
import { definitionOf, engineOn } from './harness.js';
import { type Behavior, Life, type StepScript, type UndoDeed, World } from './world.js';

const behavior = fc.constantFrom<Behavior>(
  'ok',
  'ok',
  'refuse',
  'fail before',
  'fail after',
  'crash before',
  'crash after',
  'hang',
  'hang after',
  'stall after',
);
const undoDeed = fc.constantFrom<UndoDeed>('ok', 'fail before', 'fail after', 'crash before', 'crash after');
const step: fc.Arbitrary<StepScript> = fc.record({
  behaviors: fc.array(behavior, { maxLength: 4 }),
  undos: fc.array(undoDeed, { maxLength: 7 }),
  attempts: fc.integer({ min: 1, max: 4 }),
  canResolve: fc.boolean(),
});
const death = fc.record({ write: fc.integer({ min: 1, max: 12 }), after: fc.boolean() });

interface Scenario {
  readonly scripts: readonly StepScript[];
  readonly sagas: number;
  /** The write at which each engine dies, in order; later engines die only in steps that crash them. */
  readonly deaths: readonly { readonly write: number; readonly after: boolean }[];
}

const scenario: fc.Arbitrary<Scenario> = fc.record({
  scripts: fc.array(step, { minLength: 1, maxLength: 4 }),
  sagas: fc.integer({ min: 1, max: 3 }),
  deaths: fc.array(death, { maxLength: 3 }),
});

/** Runs two engines at a time on one journal, and replaces those that die, until every saga has ended. */
async function play({ scripts, sagas, deaths }: Scenario): Promise<{ world: World; records: SagaRecord[] }> {
  let now = 1_800_000_000_000;
  const store = new MemoryStore(() => now);
  const world = new World();
  const lives: { life: Life; engine: SagaEngine }[] = [];
  const queue = [...deaths];

  const sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
    await new Promise(setImmediate);
    if (!signal.aborted) now += Math.min(ms, LEASE_MS / 10);
  };
  const born = (): { life: Life; engine: SagaEngine } => {
    const life = new Life();
    const dieAt = queue.shift();
    const definition = definitionOf(world.steps(scripts, life));
    const engine = engineOn(store, [definition], {
      ...{ sleep: life.sleep(sleep), clock: () => now },
      wrap: (journal) => life.journal(journal, dieAt),
    });
    engine.start();
    lives.push({ life, engine });
    return { life, engine };
  };
  const living = (): { life: Life; engine: SagaEngine } => {
    const found = lives.filter(({ life }) => life.alive);
    while (found.length < 2) found.push(born());
    return found[0]!;
  };

  /** Starts a saga as a client does: with the same key until an engine responds. */
  const startSaga = async (key: string): Promise<void> => {
    for (;;) {
      const { life, engine } = living();
      const started = await Promise.race([
        engine.sagas.start('transfer', { key }, { idempotencyKey: key }),
        life.died,
      ]);
      if (started !== undefined) return;
    }
  };
  await Promise.all(Array.from({ length: sagas }, (_, n) => startSaga(`key-${n}`)));
  while (store.records().some(({ status }) => !hasEnded(status))) {
    living();
    await new Promise(setImmediate);
  }
  for (const { life, engine } of lives) {
    if (life.alive) await Promise.race([engine.drain(0), life.died]);
  }
  return { world, records: store.records() };
}

/** True for a compensation that was lost together with its worker as often as is allowed. */
const isGivenUp = ({ status, undoUnended, error }: StepRecord): boolean =>
  status === 'failed' && undoUnended === MAX_UNENDED_UNDOS && error?.code === 'ATTEMPTS_LOST';

describe('whatever calls fail and whichever workers die', () => {
  const seed = newSeed();

  it(`every saga completes with all effects once, or is compensated in reverse with none left (SEED=${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const { world, records } = await play(given);
        const smooth =
          given.deaths.length === 0 &&
          given.scripts.every(({ behaviors }) => behaviors.every((one) => one === 'ok'));
        expect(records, 'one saga a key').to.have.length(given.sagas);
        expect(world.atOnce, 'two runners at once').to.deep.equal([]);
        let all = 0;
        for (const { sagaId, status, steps } of records) {
          const ofOperator = steps.filter(isGivenUp).map(({ name }) => `${sagaId}/${name}`);
          const keys = steps
            .map(({ name }) => `${sagaId}/${name}`)
            .filter((key) => !ofOperator.includes(key));
          const effective = keys.filter((key) => world.effects.has(key));
          const expected = ofOperator.length > 0 ? ['needs-attention'] : ['completed', 'compensated'];
          expect(status).to.be.oneOf(smooth ? ['completed'] : expected);
          expect(effective).to.deep.equal(status === 'completed' ? keys : []);
          all += effective.length + ofOperator.filter((key) => world.effects.has(key)).length;
          for (const key of keys) expect(world.made.get(key) ?? 0, 'effects of a key').to.be.at.most(1);
          const undone = world.undone.get(sagaId) ?? [];
          expect(undone).to.deep.equal(undone.toSorted((a, b) => b - a));
          if (status === 'completed') expect(undone).to.deep.equal([]);
        }
        expect(world.effects.size, 'effects under other keys').to.equal(all);
      }),
      { seed, numRuns: 300 },
    );
  }).timeout(60_000);
});
