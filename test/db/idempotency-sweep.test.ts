import { expect } from 'chai';
import type { ClosableDatabase } from '#src/db/create-database.js';
import type { IdempotencyKey } from '#src/db/database.js';
import { sweepIdempotency } from '#src/db/idempotency-sweep.js';
import { newSagaId } from '#src/saga/saga-id.js';
import { useEffects } from './fixtures/effects.js';
import { rejection } from './fixtures/open.js';

describe('stored keys', () => {
  const effects = useEffects();
  const { freshKey, effect, undo, count, age } = effects;
  let db: ClosableDatabase;
  beforeEach(() => {
    db = effects.db;
  });

  it('are deleted after 3 days, in batches', async () => {
    const [old, older, fresh] = [freshKey(), freshKey(), freshKey()];
    for (const key of [old, older, fresh]) await db.idempotent(key, effect(key));
    await age([old, older], 3.1);
    await age([fresh], 2.9);
    expect(await sweepIdempotency(db, undefined, 1)).to.equal(2);
    expect(await db.outcomeOf(old)).to.equal(undefined);
    expect(await db.outcomeOf(fresh)).to.not.equal(undefined);
  });

  describe('of saga steps', () => {
    const daysAgo = (days: number): number => Date.now() - days * 86_400_000;
    const stepKey = (days: number): IdempotencyKey => ({
      route: 'POST /x',
      key: `${newSagaId(Math.floor(daysAgo(days)))}/pay`,
    });

    /** Stores a key as if its step had been done long ago. */
    const storeLongAgo = ({ route, key }: IdempotencyKey): Promise<unknown> =>
      db.query(
        `insert into multilane.idempotency (route, key, fingerprint, state, status) values ($1, $2, '', 'done', 201)`,
        [route, key],
      );

    it('are kept for 30 days, and longer while an older saga is open', async () => {
      const [young, old] = [stepKey(29), stepKey(40)];
      for (const key of [young, old]) await storeLongAgo(key);
      await age([young], 29);
      await age([old], 40);
      expect(await sweepIdempotency(db, new Date(daysAgo(41)))).to.equal(0);
      expect(await sweepIdempotency(db, new Date(daysAgo(39)))).to.equal(1);
      expect(await db.outcomeOf(young)).to.not.equal(undefined);
    });

    it('can be compensated for 30 days; later it is reported that the outcome is not known', async () => {
      for (const days of [0, 4, 29]) {
        const key = stepKey(days);
        await db.idempotent(key, effect(key));
        await age([key], days);
        await sweepIdempotency(db, undefined);
        await db.compensate(key, undo(key));
        expect(await count(key)).to.equal(0);
      }
      const lost = stepKey(31);
      await storeLongAgo(lost);
      await age([lost], 31);
      expect(await sweepIdempotency(db, undefined)).to.equal(1);
      expect((await rejection(db.compensate(lost, undo(lost)))).message).to.include('not known');
      // The effect does not run again either, and is not reported as not done.
      expect((await rejection(db.idempotent(lost, effect(lost)))).message).to.include('not known');
      expect((await rejection(db.outcomeOf(lost))).message).to.include('not known');
      expect(await count(lost)).to.equal(0);
      // What mustNotRun arrived, of a saga that is young, is nothing to undo.
      await db.compensate(stepKey(1), async (_tx, done) => {
        expect(done).to.equal(undefined);
      });
    });
  });
});
