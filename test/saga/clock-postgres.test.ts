// The scenarios of clock.test.ts on a real PostgreSQL. Its clock is set by replacing `now()` in the
// statements, and time passes ten times as fast.
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { Queryable, QueryResult } from '#src/db/database.js';
import { Rows } from '#src/db/rows.js';
import { BusinessError } from '#src/errors.js';
import { createSagaEngine, type SagaEngine } from '#src/saga/engine.js';
import { PgJournal } from '#src/saga/pg-journal.js';
import { LEASE_MS } from '#src/saga/saga-lease.js';
import { sagaRecord } from '#test/conformance/journal-records.js';
import { until } from '#test/support/until.js';
import { definitionOf, type Step, silent } from './harness.js';
import { openJournalDatabase, type TestDatabase } from './journal-database.js';

const SPEED = 10;
const HOUR_MS = 3_600_000;
const PAUSE_MS = 10_000;
const LONG = { timeoutMs: 20_000 };

class SetClock extends Rows {
  aheadMs = 0;
  readonly #db: Queryable;

  constructor(db: Queryable) {
    super();
    this.#db = db;
  }

  query<R>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>> {
    const now = clock() + 1_800_000_000_000 + this.aheadMs;
    return this.#db.query<R>(text.replaceAll('now()', `to_timestamp(${now}::float8 / 1000)`), values);
  }
}

const clock = (): number => performance.now() * SPEED;

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms / SPEED, undefined, { signal }).catch(() => undefined);
}

/** Steps of which the first fails once in one of the directions, which costs a pause in the journal. */
function pausing(direction: 'forward' | 'back'): readonly Step[] {
  const failed = new Set<string>();
  const once = (key: string): void => {
    if (failed.has(key)) return;
    failed.add(key);
    throw new Error('down');
  };
  const retry = { attempts: 3, backoffMs: PAUSE_MS, maxBackoffMs: PAUSE_MS };
  if (direction === 'forward') return [{ name: 'debit', retry, run: (_, { key }) => once(key) }];
  return [
    { name: 'debit', retry, run: () => 1, compensate: (_, { key }) => once(key) },
    { name: 'last', run: () => Promise.reject(new BusinessError('NO', 'no')) },
  ];
}

const DEFINITIONS = [
  definitionOf(pausing('forward'), 'forward'),
  definitionOf(pausing('back'), 'back'),
  definitionOf([{ name: 'debit', run: () => 1 }], 'left'),
];
const STEPS = { 'back by an hour': -HOUR_MS, 'back by a day': -24 * HOUR_MS, 'ahead by a day': 24 * HOUR_MS };

async function ends(database: TestDatabase, aheadMs: number, restarts: boolean): Promise<readonly string[]> {
  const db = new SetClock(database.db);
  const engines: SagaEngine[] = [];
  const worker = (): SagaEngine => {
    const owner = { instanceId: 'test', slot: engines.length, generation: 1 };
    const engine = createSagaEngine({ db, definitions: DEFINITIONS, owner, log: silent, clock, sleep });
    engines.push(engine);
    engine.start();
    return engine;
  };
  const [one] = [worker(), worker()];
  const ids = await Promise.all(
    ['forward', 'back'].map(async (saga) => (await one.sagas.start(saga, {})).sagaId),
  );
  const resting = async (): Promise<number> => {
    const rows = await db.many<{ saga: string }>(`select saga from saga where status = 'waiting'`);
    return rows.length;
  };
  expect(await until(resting, (count) => count === 2)).to.equal(2);
  if (restarts) await Promise.all(engines.map((engine) => engine.drain(0)));
  // The saga of a process that dies in the first step.
  const left = sagaRecord({ saga: 'left', steps: sagaRecord().steps.slice(0, 1) });
  await new PgJournal({ db, owner: 'dead:1:1', leaseMs: LEASE_MS, clock }).create(left, 0);
  db.aheadMs = aheadMs;
  const { sagas } = restarts ? worker() : one;
  const views = await Promise.all([...ids, left.sagaId].map((id) => sagas.wait(id, LONG)));
  await Promise.all(engines.map((engine) => engine.drain(0)));
  return views.map(({ status }) => status);
}

describe('sagas of a PostgreSQL whose clock is set', () => {
  const databases: TestDatabase[] = [];
  before(async () => {
    for (const _ of Object.keys(STEPS)) databases.push(await openJournalDatabase());
  });
  after(() => Promise.all(databases.map((database) => database.close())));

  for (const restarts of [false, true]) {
    const when = restarts ? 'before a restart' : 'while they wait';
    it(`continue in time ${when}: forward, in compensation, and after their process died`, async () => {
      const all = Object.entries(STEPS).map(async ([what, aheadMs], at) => [
        what,
        await ends(databases[at]!, aheadMs, restarts),
      ]);
      const expected = Object.keys(STEPS).map((what) => [what, ['completed', 'compensated', 'completed']]);
      expect(await Promise.all(all)).to.deep.equal(expected);
    });
  }
});
