import { expect } from 'chai';
import fc from 'fast-check';
import { localBudget } from '#src/db/budget.js';
import type { ClosableDatabase } from '#src/db/create-database.js';
import type { IdempotencyKey, StoredResponse, Transaction } from '#src/db/database.js';
import { DatabaseMisuseError } from '#src/db/database-errors.js';
import { sweepIdempotency } from '#src/db/idempotency-sweep.js';
import { fingerprintOf } from '#src/db/request-fingerprint.js';
import { BusinessError } from '#src/errors.js';
import { newSagaId } from '#src/saga/saga-id.js';
import { deferred } from './fixtures/deferred.js';
import { closeOpened, migratedDatabase, open, rejection } from './fixtures/open.js';
import { startProxy } from './fixtures/proxy.js';
import { withDeadline } from './fixtures/scope.js';

describe('effects that happen once', () => {
  let url: string;
  let db: ClosableDatabase;
  let keys = 0;
  before(async () => {
    url = await migratedDatabase();
    await open(url).query('create table effect (key text, by int)');
  });
  beforeEach(() => {
    db = open(url, { budget: localBudget(20) });
  });
  afterEach(closeOpened);

  const freshKey = (body: unknown = { a: 1 }): IdempotencyKey => ({
    route: 'POST /x',
    key: `k${++keys}`,
    body,
  });
  const effect =
    ({ key }: IdempotencyKey, by = 0) =>
    async (tx: Transaction): Promise<StoredResponse> => {
      await tx.query('insert into effect values ($1, $2)', [key, by]);
      return { status: 201, body: { z: by, a: 'ä\u0000' } };
    };
  const undo =
    ({ key }: IdempotencyKey) =>
    async (tx: Transaction): Promise<void> => {
      await tx.query('delete from effect where key = $1', [key]);
    };
  const effects = async ({ key }: IdempotencyKey): Promise<number> =>
    (await db.many('select from effect where key = $1', [key])).length;
  const never = async (): Promise<never> => {
    throw new Error('must not run');
  };

  describe('an owner whose transaction has ended', () => {
    const late: Record<string, (key: IdempotencyKey, held: Promise<void>) => Promise<unknown>> = {
      'with an outcome': (key, held) =>
        db.idempotent(key, async () => {
          await held;
          return { status: 201, body: {} };
        }),
      'with a refusal': (key, held) =>
        db.idempotent(key, async () => {
          await held;
          throw new BusinessError('NO_STOCK', 'none is left');
        }),
      'with an undo': (key, held) => db.compensate(key, () => held),
    };
    for (const [what, call] of Object.entries(late)) {
      it(`stores no key behind it, ${what}`, async () => {
        for (const isFollowed of [false, true]) {
          db = open(url, { budget: localBudget(1) });
          await db.transaction((tx) => tx.query('select 1')); // to open a session may take longer than the deadline
          const key = freshKey();
          const held = deferred();
          const error = await rejection(withDeadline(100, () => call(key, held.promise)));
          expect(error).to.have.property('code', 'DEADLINE_EXCEEDED');
          const resume = async (): Promise<void> => {
            held.resolve();
            for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
          };
          if (!isFollowed) await resume();
          await db.transaction(async (tx) => {
            await tx.query('select 1');
            if (isFollowed) await resume();
            await tx.query('select 1');
          });
          expect(
            await db.many('select state from multilane.idempotency where key = $1', [key.key]),
          ).to.deep.equal([]);
        }
      });
    }
  });

  describe('once', () => {
    it('runs the effect the first time and gives the same answer ever after', async () => {
      const key = freshKey();
      const first = await db.idempotent(key, effect(key));
      const second = await db.idempotent(key, never);
      expect(second).to.deep.equal(first);
      expect(JSON.stringify(second)).to.equal(JSON.stringify(first)); // members in their order
      expect(await db.outcomeOf(key)).to.deep.equal(first);
      expect(await effects(key)).to.equal(1);
    });

    it('keeps an answer without a body', async () => {
      const key = freshKey();
      await db.idempotent(key, async () => ({ status: 204, body: undefined }));
      expect(await db.idempotent(key, never)).to.deep.equal({ status: 204, body: undefined });
    });

    it('returns what JSON carries, the first time as ever after', async () => {
      const key = freshKey();
      const body = { at: new Date(0), none: undefined, link: new URL('http://a/'), list: [null, 1.5] };
      const first = await db.idempotent(key, async () => ({ status: 201, body }));
      expect(first.body).to.deep.equal({
        at: '1970-01-01T00:00:00.000Z',
        link: 'http://a/',
        list: [null, 1.5],
      });
      expect(await db.idempotent(key, never)).to.deep.equal(first);
    });

    it('leaves nothing behind when the outcome is none that can be repeated: the next call runs it', async () => {
      const outcomes: readonly unknown[] = [
        ...[new Map([['a', 1]]), { a: [new Set([1])] }, Number.NaN, { a: Number.NaN }, new Uint8Array([65])],
        ...[Buffer.from('A'), 5n, () => 1, Promise.resolve(1), new Error('x'), [undefined], { a: () => 1 }],
        ...[new Date(Number.NaN), Symbol('x'), new Response('x')],
      ].map((body) => ({ status: 201, body }));
      const statuses = [undefined, '201', 999, 199, 201.5].map((status) => ({ status, body: {} }));
      for (const outcome of [...outcomes, ...statuses, undefined, null]) {
        const key = freshKey();
        const failing = db.idempotent(key, async (tx) => {
          await effect(key)(tx);
          return outcome as StoredResponse;
        });
        expect(await rejection(failing)).to.be.instanceOf(Error);
        expect([await effects(key), await db.outcomeOf(key)]).to.deep.equal([0, undefined]);
        await db.idempotent(key, effect(key));
        expect(await effects(key)).to.equal(1);
      }
    });

    it('stores no refusal that cannot be repeated', async () => {
      for (const options of [
        { details: { tags: new Map([['a', 1]]) } },
        { details: { id: 5n } },
        { status: 200 },
        { status: '409' as never },
      ]) {
        const key = freshKey();
        const refusing = db.idempotent(key, async () => {
          throw new BusinessError('NO_STOCK', 'none is left', options);
        });
        expect(await rejection(refusing)).to.not.be.instanceOf(BusinessError);
        await db.idempotent(key, effect(key));
        expect(await effects(key)).to.equal(1);
      }
    });

    it('takes the same body in another order as the same, another body as an error', async () => {
      const key = freshKey({ a: [1, { c: 1, d: 2 }], b: 'x' });
      await db.idempotent(key, effect(key));
      await db.idempotent({ ...key, body: { b: 'x', a: [1, { d: 2, c: 1 }] } }, never);
      for (const body of [{ a: [1, { c: 1, d: 3 }], b: 'x' }, {}, null, undefined]) {
        expect(await rejection(db.idempotent({ ...key, body }, never))).to.have.property(
          'code',
          'IDEMPOTENCY_KEY_REUSED',
        );
      }
    });

    it('takes the same key on another route as another key', async () => {
      const key = freshKey();
      await db.idempotent(key, effect(key));
      await db.idempotent({ ...key, route: 'POST /y' }, effect(key));
      expect(await effects(key)).to.equal(2);
    });

    it('leaves nothing behind when the effect fails: the next call runs it', async () => {
      const key = freshKey();
      const failure = new Error('broken');
      const failing = db.idempotent(key, async (tx) => {
        await effect(key)(tx);
        throw failure;
      });
      expect(await rejection(failing)).to.equal(failure);
      expect(await db.outcomeOf(key)).to.equal(undefined);
      await db.idempotent(key, effect(key));
      expect(await effects(key)).to.equal(1);
    });

    it('stores a refusal of the business without its effect, and throws it again as it was', async () => {
      const key = freshKey();
      const refusal = new BusinessError('EMAIL_TAKEN', 'That address is taken.', {
        details: { field: 'email' },
      });
      const refusing = db.idempotent(key, async (tx) => {
        await effect(key)(tx);
        await tx.query('select 1/0').catch(() => {}); // even from a failed transaction
        throw refusal;
      });
      expect(await rejection(refusing)).to.equal(refusal);
      const again = await rejection(db.idempotent(key, never));
      expect(again).to.be.instanceOf(BusinessError);
      const { code, status, message, members } = refusal;
      expect(again).to.deep.include({ code, status, message, members });
      expect(await effects(key)).to.equal(0);
      expect(await db.outcomeOf(key)).to.equal(undefined);
    });

    it('sends nothing of the effect behind its end, wherever its other branches are just then', async () => {
      for (let turns = 0; turns < 12; turns++) {
        for (const ends of ['refused', 'done'] as const) {
          const key = freshKey();
          let late: Promise<unknown> | undefined;
          const branching = async (tx: Transaction): Promise<StoredResponse> => {
            late = (async () => {
              for (let turn = 0; turn < turns; turn++) await Promise.resolve();
              return effect(key)(tx);
            })();
            late.catch(() => {});
            if (ends === 'refused') throw new BusinessError('NO_CREDIT', 'none');
            return { status: 201, body: null };
          };
          await db.idempotent(key, branching).catch(() => {});
          const wrote = await late!.then(
            () => true,
            () => false,
          );
          const stands = ends === 'done' && wrote ? 1 : 0;
          expect(await effects(key), `${ends}, ${turns} turns`).to.equal(stands);
        }
      }
    });

    it('does not go back to a savepoint of the effect', async () => {
      const key = freshKey();
      const twoSteps = db.idempotent(key, async (tx) => {
        await effect(key)(tx);
        await tx.query('SAVEPOINT multilane_effect');
        throw new BusinessError('NO_CREDIT', 'none');
      });
      expect(await rejection(twoSteps)).to.be.instanceOf(DatabaseMisuseError);
      expect(await effects(key)).to.equal(0);
    });

    it('keeps the status of a refusal with a code of its own', async () => {
      const key = freshKey();
      const refuse = async (): Promise<never> => {
        throw new BusinessError('OUT_OF_STOCK', 'Nothing left.', { status: 418 });
      };
      await rejection(db.idempotent(key, refuse));
      expect(await rejection(db.idempotent(key, never))).to.deep.include({
        code: 'OUT_OF_STOCK',
        status: 418,
      });
    });

    it('answers 409 with Retry-After while the first call runs, and the outcome as soon as it is there', async () => {
      const key = freshKey();
      const running = deferred();
      const finish = deferred();
      const first = db.idempotent(key, async (tx) => {
        const outcome = await effect(key)(tx);
        running.resolve();
        await finish.promise;
        return outcome;
      });
      await running.promise;
      expect(await rejection(db.idempotent(key, never))).to.deep.include({
        code: 'IDEMPOTENCY_IN_PROGRESS',
        status: 409,
        retryable: true,
        headers: { 'retry-after': '1' },
      });
      finish.resolve();
      const outcome = await first;
      const again = await Promise.all(Array.from({ length: 20 }, () => db.idempotent(key, never)));
      for (const answer of again) expect(answer).to.deep.equal(outcome);
    });

    it('has happened or not when its commit was not confirmed, and repeating the call tells', async () => {
      const key = freshKey();
      const proxy = await startProxy(url);
      const shaky = open(proxy.url);
      const lost = shaky.idempotent(key, async (tx) => {
        const outcome = await effect(key)(tx);
        proxy.onRequest = (data) => {
          if (!data.includes('commit')) return;
          proxy.swallowAnswers();
          setTimeout(proxy.cut, 50);
        };
        return outcome;
      });
      expect(await rejection(lost)).to.have.property('name', 'OutcomeUnknownError');
      expect((await db.idempotent(key, effect(key))).status).to.equal(201);
      expect(await effects(key)).to.equal(1);
      await shaky.close();
      await proxy.close();
    });
  });

  describe('cancel', () => {
    it('undoes with the stored outcome, and once only', async () => {
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
      expect(await effects(key)).to.equal(0);
      expect(await db.outcomeOf(key)).to.equal(undefined);
    });

    it('of what never happened succeeds, and refuses the call that comes later', async () => {
      const key = freshKey();
      const seen: unknown[] = [];
      await db.compensate(key, async (_, done) => {
        seen.push(done);
      });
      expect(seen).to.deep.equal([undefined]);
      expect(await rejection(db.idempotent(key, never))).to.deep.include({
        code: 'STEP_CANCELLED',
        status: 409,
      });
    });

    it('of a refused call has nothing to undo', async () => {
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
      expect(await rejection(db.idempotent(key, never))).to.have.property('code', 'STEP_CANCELLED');
    });

    it('that fails leaves everything as it was', async () => {
      const key = freshKey();
      const outcome = await db.idempotent(key, effect(key));
      await rejection(db.compensate(key, never));
      expect(await db.outcomeOf(key)).to.deep.equal(outcome);
    });

    it('waits for the call that is running, then undoes it', async () => {
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
      // It has asked for the lock by the time that PostgreSQL says so.
      const waits = "select 1 from pg_locks where locktype = 'advisory' and not granted";
      while ((await db.maybeOne(waits)) === undefined);
      finish.resolve();
      await forward;
      await cancelling;
      expect(await effects(key)).to.equal(0);
    });

    it('gives up at its deadline when the running call does not end', async () => {
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
  });

  it('in any interleaving of calls and cancellations happen once or not at all', async () => {
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
        expect(await effects(key)).to.equal(expected);
        if (cancelled)
          expect(await rejection(db.idempotent(key, never))).to.have.property('code', 'STEP_CANCELLED');
      }),
      { numRuns: 40 },
    );
  });

  const age = (aged: readonly IdempotencyKey[], days: number): Promise<unknown> =>
    db.query(
      `update multilane.idempotency set created_at = now() - interval '${days} days' where key = any($1)`,
      [aged.map(({ key }) => key)],
    );

  it('are forgotten when they are old, in batches, and not before', async () => {
    const [old, older, fresh] = [freshKey(), freshKey(), freshKey()];
    for (const key of [old, older, fresh]) await db.idempotent(key, effect(key));
    await age([old, older], 3.1);
    await age([fresh], 2.9);
    expect(await sweepIdempotency(db, undefined, 1)).to.equal(2);
    expect(await db.outcomeOf(old)).to.equal(undefined);
    expect(await db.outcomeOf(fresh)).to.not.equal(undefined);
  });

  describe('of a saga', () => {
    const daysAgo = (days: number): number => Date.now() - days * 86_400_000;
    const stepKey = (days: number): IdempotencyKey => ({
      route: 'POST /x',
      key: `${newSagaId(Math.floor(daysAgo(days)))}/pay`,
    });

    /** As of then. */
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

    it('are undone days later, too, and nothing is said to be undone when its key may be gone', async () => {
      for (const days of [0, 4, 29]) {
        const key = stepKey(days);
        await db.idempotent(key, effect(key));
        await age([key], days);
        await sweepIdempotency(db, undefined);
        await db.compensate(key, undo(key));
        expect(await effects(key)).to.equal(0);
      }
      const lost = stepKey(31);
      await storeLongAgo(lost);
      await age([lost], 31);
      expect(await sweepIdempotency(db, undefined)).to.equal(1);
      expect((await rejection(db.compensate(lost, undo(lost)))).message).to.include('not known');
      // It is not done once more, either, nor said to be not done.
      expect((await rejection(db.idempotent(lost, effect(lost)))).message).to.include('not known');
      expect((await rejection(db.outcomeOf(lost))).message).to.include('not known');
      expect(await effects(lost)).to.equal(0);
      // What never arrived, of a saga that is young, is nothing to undo.
      await db.compensate(stepKey(1), async (_tx, done) => {
        expect(done).to.equal(undefined);
      });
    });
  });

  it('have a fingerprint that tells values apart and orders of members not', () => {
    expect(fingerprintOf({ a: 1, b: 2 })).to.equal(fingerprintOf({ b: 2, a: 1 }));
    expect(fingerprintOf([1, 2])).to.not.equal(fingerprintOf([2, 1]));
    expect(fingerprintOf({ a: '1' })).to.not.equal(fingerprintOf({ a: 1 }));
    expect(fingerprintOf({ a: null })).to.not.equal(fingerprintOf({}));
    const proto = JSON.parse('{"__proto__":1}') as unknown;
    expect(fingerprintOf(proto)).to.not.equal(fingerprintOf({}));
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(fingerprintOf(JSON.parse(JSON.stringify(value)))).to.equal(fingerprintOf(value));
      }),
    );
  });
});
