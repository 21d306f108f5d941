import { expect } from 'chai';
import fc from 'fast-check';
import type { ClosableDatabase } from '#src/db/create-database.js';
import type { StoredResponse } from '#src/db/database.js';
import { BusinessError } from '#src/errors.js';
import { deferred } from './fixtures/deferred.js';
import { mustNotRun, useEffects } from './fixtures/effects.js';
import { rejection } from './fixtures/open.js';
import { withDeadline } from './fixtures/scope.js';

describe('db.compensate', () => {
  const effects = useEffects();
  const { freshKey, effect, undo, count } = effects;
  let db: ClosableDatabase;
  beforeEach(() => {
    db = effects.db;
  });

  it('undoes with the stored outcome, once', async () => {
    const key = freshKey();
    const outcome = await db.idempotent(key, effect(key));
    const seen: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      await db.compensate(key, async (tx, done) => {
        seen.push(done);
        await undo(key)(tx);
      });
    }
    expect(seen).to.deep.equal([outcome]);
    expect(await count(key)).to.equal(0);
    expect(await db.outcomeOf(key)).to.equal(undefined);
  });

  it('of what mustNotRun happened succeeds, and refuses the call that comes later', async () => {
    const key = freshKey();
    const seen: unknown[] = [];
    await db.compensate(key, async (_, done) => {
      seen.push(done);
    });
    expect(seen).to.deep.equal([undefined]);
    expect(await rejection(db.idempotent(key, mustNotRun))).to.deep.include({
      code: 'STEP_CANCELLED',
      status: 409,
    });
  });

  it('has no outcome to undo for an effect that was refused', async () => {
    const key = freshKey();
    await rejection(
      db.idempotent(key, async () => {
        throw new BusinessError('PAYMENT_DECLINED', 'no');
      }),
    );
    let done: unknown = 'not called';
    await db.compensate(key, async (_, outcomeOf) => {
      done = outcomeOf;
    });
    expect(done).to.equal(undefined);
    expect(await rejection(db.idempotent(key, mustNotRun))).to.have.property('code', 'STEP_CANCELLED');
  });

  it('leaves everything as it was when the undo fails', async () => {
    const key = freshKey();
    const outcome = await db.idempotent(key, effect(key));
    await rejection(db.compensate(key, mustNotRun));
    expect(await db.outcomeOf(key)).to.deep.equal(outcome);
  });

  it('waits for the call that runs, then undoes its effect', async () => {
    const key = freshKey();
    const running = deferred();
    const finish = deferred();
    const forward = db.idempotent(key, async (tx) => {
      const outcome = await effect(key)(tx);
      running.resolve();
      await finish.promise;
      return outcome;
    });
    await running.promise;
    const cancelling = db.compensate(key, undo(key));
    // PostgreSQL reports a lock request only when the statement waits for it.
    const waits = "select 1 from pg_locks where locktype = 'advisory' and not granted";
    while ((await db.maybeOne(waits)) === undefined);
    finish.resolve();
    await forward;
    await cancelling;
    expect(await count(key)).to.equal(0);
  });

  it('fails at its deadline when the call that runs does not end', async () => {
    const key = freshKey();
    const running = deferred();
    const finish = deferred();
    const forward = db.idempotent(key, async (tx) => {
      running.resolve();
      await finish.promise;
      return effect(key)(tx);
    });
    await running.promise;
    const error = await rejection(withDeadline(150, () => db.compensate(key, undo(key))));
    expect(error).to.have.property('code', 'DEADLINE_EXCEEDED');
    finish.resolve();
    expect((await forward).status).to.equal(201);
  });

  it('leaves one effect or none in any interleaving with calls of db.idempotent', async () => {
    const operation = fc.record({ cancel: fc.boolean(), turns: fc.nat(3), fails: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 2, maxLength: 10 }), async (operations) => {
        const key = freshKey();
        const outcomes: StoredResponse[] = [];
        let cancelled = false;
        await Promise.all(
          operations.map(async ({ cancel, turns, fails }, by) => {
            for (let turn = 0; turn < turns; turn++) await db.query('select 1');
            try {
              if (cancel) {
                await db.compensate(key, undo(key));
                cancelled = true;
              } else {
                outcomes.push(
                  await db.idempotent(key, async (tx) => {
                    const outcome = await effect(key, by)(tx);
                    if (fails) throw new TypeError('the effect failed');
                    return outcome;
                  }),
                );
              }
            } catch (error) {
              const { code } = error as { readonly code?: string };
              if (!(error instanceof TypeError))
                expect(code).to.be.oneOf(['IDEMPOTENCY_IN_PROGRESS', 'STEP_CANCELLED']);
            }
          }),
        );
        for (const outcome of outcomes) expect(outcome).to.deep.equal(outcomes[0]);
        const expected = cancelled ? 0 : Math.min(1, outcomes.length);
        expect(await count(key)).to.equal(expected);
        if (cancelled)
          expect(await rejection(db.idempotent(key, mustNotRun))).to.have.property('code', 'STEP_CANCELLED');
      }),
      { numRuns: 40 },
    );
  });
});
