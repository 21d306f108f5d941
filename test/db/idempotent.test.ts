import { expect } from 'chai';
import type { ClosableDatabase } from '#src/db/create-database.js';
import type { IdempotencyKey, StoredResponse, Transaction } from '#src/db/database.js';
import { DatabaseMisuseError } from '#src/db/database-errors.js';
import { BusinessError } from '#src/errors.js';
import { localBudget } from '#test/support/local-budget.js';
import { deferred } from './fixtures/deferred.js';
import { mustNotRun, useEffects } from './fixtures/effects.js';
import { open, rejection } from './fixtures/open.js';
import { startProxy } from './fixtures/proxy.js';
import { withDeadline } from './fixtures/scope.js';

describe('db.idempotent', () => {
  const effects = useEffects();
  const { freshKey, effect, count } = effects;
  let db: ClosableDatabase;
  beforeEach(() => {
    db = effects.db;
  });

  it('runs the effect in the first call and returns the same response in all later ones', async () => {
    const key = freshKey();
    const first = await db.idempotent(key, effect(key));
    const second = await db.idempotent(key, mustNotRun);
    expect(second).to.deep.equal(first);
    expect(JSON.stringify(second)).to.equal(JSON.stringify(first)); // members in their order
    expect(await db.outcomeOf(key)).to.deep.equal(first);
    expect(await count(key)).to.equal(1);
  });

  it('keeps a response without a body', async () => {
    const key = freshKey();
    await db.idempotent(key, async () => ({ status: 204, body: undefined }));
    expect(await db.idempotent(key, mustNotRun)).to.deep.equal({ status: 204, body: undefined });
  });

  it('returns the JSON form of the outcome, in the first call as in later ones', async () => {
    const key = freshKey();
    const body = { at: new Date(0), none: undefined, link: new URL('http://a/'), list: [null, 1.5] };
    const first = await db.idempotent(key, async () => ({ status: 201, body }));
    expect(first.body).to.deep.equal({
      at: '1970-01-01T00:00:00.000Z',
      link: 'http://a/',
      list: [null, 1.5],
    });
    expect(await db.idempotent(key, mustNotRun)).to.deep.equal(first);
  });

  it('leaves nothing behind when the outcome cannot be stored, so that the next call runs the effect', async () => {
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
      expect([await count(key), await db.outcomeOf(key)]).to.deep.equal([0, undefined]);
      await db.idempotent(key, effect(key));
      expect(await count(key)).to.equal(1);
    }
  });

  it('stores no refusal whose details cannot be stored', async () => {
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
      expect(await count(key)).to.equal(1);
    }
  });

  it('takes a body with its members in another order for the same, and refuses another body', async () => {
    const key = freshKey({ a: [1, { c: 1, d: 2 }], b: 'x' });
    await db.idempotent(key, effect(key));
    await db.idempotent({ ...key, body: { b: 'x', a: [1, { d: 2, c: 1 }] } }, mustNotRun);
    for (const body of [{ a: [1, { c: 1, d: 3 }], b: 'x' }, {}, null, undefined]) {
      expect(await rejection(db.idempotent({ ...key, body }, mustNotRun))).to.have.property(
        'code',
        'IDEMPOTENCY_KEY_REUSED',
      );
    }
  });

  it('takes the same key with another route for another key', async () => {
    const key = freshKey();
    await db.idempotent(key, effect(key));
    await db.idempotent({ ...key, route: 'POST /y' }, effect(key));
    expect(await count(key)).to.equal(2);
  });

  it('leaves nothing behind when the effect fails, so that the next call runs it', async () => {
    const key = freshKey();
    const failure = new Error('broken');
    const failing = db.idempotent(key, async (tx) => {
      await effect(key)(tx);
      throw failure;
    });
    expect(await rejection(failing)).to.equal(failure);
    expect(await db.outcomeOf(key)).to.equal(undefined);
    await db.idempotent(key, effect(key));
    expect(await count(key)).to.equal(1);
  });

  it('stores a BusinessError without the effect, and throws it again', async () => {
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
    const again = await rejection(db.idempotent(key, mustNotRun));
    expect(again).to.be.instanceOf(BusinessError);
    const { code, status, message, members } = refusal;
    expect(again).to.deep.include({ code, status, message, members });
    expect(await count(key)).to.equal(0);
    expect(await db.outcomeOf(key)).to.equal(undefined);
  });

  it('sends no statement of the effect after the effect has settled', async () => {
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
        expect(await count(key), `${ends}, ${turns} turns`).to.equal(stands);
      }
    }
  });

  it('refuses a savepoint of the effect with the name of its own', async () => {
    const key = freshKey();
    const twoSteps = db.idempotent(key, async (tx) => {
      await effect(key)(tx);
      await tx.query('SAVEPOINT multilane_effect');
      throw new BusinessError('NO_CREDIT', 'none');
    });
    expect(await rejection(twoSteps)).to.be.instanceOf(DatabaseMisuseError);
    expect(await count(key)).to.equal(0);
  });

  it('keeps the status of a BusinessError whose code is not in the table', async () => {
    const key = freshKey();
    const refuse = async (): Promise<never> => {
      throw new BusinessError('OUT_OF_STOCK', 'Nothing left.', { status: 418 });
    };
    await rejection(db.idempotent(key, refuse));
    expect(await rejection(db.idempotent(key, mustNotRun))).to.deep.include({
      code: 'OUT_OF_STOCK',
      status: 418,
    });
  });

  it('refuses with 409 and Retry-After while the first call runs, and returns the outcome afterwards', async () => {
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
    expect(await rejection(db.idempotent(key, mustNotRun))).to.deep.include({
      code: 'IDEMPOTENCY_IN_PROGRESS',
      status: 409,
      retryable: true,
      headers: { 'retry-after': '1' },
    });
    finish.resolve();
    const outcome = await first;
    const again = await Promise.all(Array.from({ length: 20 }, () => db.idempotent(key, mustNotRun)));
    for (const answer of again) expect(answer).to.deep.equal(outcome);
  });

  it('returns the outcome or runs the effect when it is repeated after a commit that was not confirmed', async () => {
    const key = freshKey();
    const proxy = await startProxy(effects.url);
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
    expect(await count(key)).to.equal(1);
    await shaky.close();
    await proxy.close();
  });

  describe('a call whose deadline has passed', () => {
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
      it(`stores no key afterwards, ${what}`, async () => {
        for (const isFollowed of [false, true]) {
          db = open(effects.url, { budget: localBudget(1) });
          await db.transaction((tx) => tx.query('select 1')); // opening a session may take longer than the deadline
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
});
