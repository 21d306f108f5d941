// `idempotent` on routes with all parts of a request, over a real database.
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { idempotent } from '#src/api/idempotent-handler.js';
import type { Transaction } from '#src/db/database.js';
import { BusinessError } from '#src/errors.js';
import { Type } from '#src/index.js';
import { newSagaId } from '#src/saga/saga-id.js';
import { closeOpened, migratedDatabase, open } from '#test/db/fixtures/open.js';
import { type Bench, bench } from '#test/server/kit.js';

interface Payment {
  readonly account: string;
  readonly query: readonly (readonly [string, string])[];
  readonly amount: number;
  readonly user: string;
  readonly key: string;
}

describe('idempotent', () => {
  let world: Bench;
  let db: ReturnType<typeof open>;
  /** How often an effect ran. */
  let effects = 0;
  let runs = 0;

  before(async () => {
    db = open(await migratedDatabase());
    world = bench((app) => {
      const body = Type.Object({ amount: Type.Integer() });
      const effect = (account: unknown) => async () => ({
        status: 201,
        body: { effect: ++effects, account },
      });
      app.post('/accounts/:account/pay', { body }, (ctx) =>
        idempotent(ctx, db, effect(ctx.params.account), { scope: ctx.headers.get('x-user') ?? '' }),
      );
      app.post('/shared/:account', { body }, (ctx) => idempotent(ctx, db, effect(ctx.params.account)));
      app.post('/plain', { body }, (ctx) => idempotent(ctx, db, effect('plain')));
    });
  });
  after(closeOpened);

  const send = async (url: string, body: object, headers: Record<string, string>) => {
    const response = await world.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return { status: response.status, json: response.json() };
  };
  const pay = ({ account, query, amount, user, key }: Payment) => {
    const search = new URLSearchParams(query.map(([name, value]): [string, string] => [name, value]));
    const url = `/accounts/${account}/pay${query.length === 0 ? '' : `?${search.toString()}`}`;
    return send(url, { amount }, { 'x-user': user, 'idempotency-key': key });
  };
  /** The query in canonical form: sorted by name, with the values of one name in their order. */
  const canonical = (query: Payment['query']): string =>
    JSON.stringify(query.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));

  it('replays the response only for the same request of the same principal, and runs the effect once', async () => {
    const pair = fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2', 'ä b'));
    const payment: fc.Arbitrary<Payment> = fc.record({
      account: fc.constantFrom('1', '2', '1%2F2'),
      query: fc.array(pair, { maxLength: 3 }),
      amount: fc.constantFrom(1, 2),
      user: fc.constantFrom('ada', 'bob'),
      key: fc.constantFrom('k', 'l'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(payment, { minLength: 2, maxLength: 12 }), async (sequence) => {
        const run = ++runs;
        const stored = new Map<string, { readonly request: string; readonly json: unknown }>();
        for (const one of sequence) {
          const request = JSON.stringify([one.account, canonical(one.query), one.amount]);
          const before = effects;
          const { status, json } = await pay({ ...one, key: `${run}-${one.key}` });
          const known = stored.get(`${one.user} ${one.key}`);
          if (known === undefined) {
            expect([status, effects]).to.deep.equal([201, before + 1]);
            stored.set(`${one.user} ${one.key}`, { request, json });
            continue;
          }
          expect(effects).to.equal(before);
          if (known.request === request) expect([status, json]).to.deep.equal([201, known.json]);
          else expect(json).to.include({ status: 422, code: 'IDEMPOTENCY_KEY_REUSED' });
        }
      }),
      { numRuns: 40 },
    );
  }).timeout(30_000);

  describe('a response', () => {
    /** The response of the effect; `done` counts the effects that are in the database. */
    let respond: () => unknown;
    const done = async (): Promise<number> => (await db.many('select from done')).length;
    const post = async (path: string, key: string | undefined) => {
      const headers = key === undefined ? {} : { 'idempotency-key': key };
      const response = await routes.inject({ method: 'POST', url: path, headers });
      const body = response.text().replace(/"(traceId|instance)":"[^"]*"/g, '');
      return [response.status, response.headers['content-type'], body];
    };
    let routes: Bench;

    before(async () => {
      await db.query('create table done ()');
      const run = async (tx: Transaction) => {
        await tx.query('insert into done default values');
        return respond() as { status: number; body: unknown };
      };
      routes = bench((app) => {
        const response = { 201: Type.Object({ id: Type.Integer() }) };
        app.post('/open', (ctx) => idempotent(ctx, db, run));
        app.post('/declared', { response }, async (ctx) => (await idempotent(ctx, db, run)) as never);
      });
    });

    it('is the same for the first request and every repetition', async () => {
      const details = { at: new Date(0), none: undefined };
      for (const [path, next, status] of [
        ...[
          { a: 1, at: new Date(0), none: undefined },
          [],
          'text',
          null,
          undefined,
          5,
          new URL('http://a/'),
        ].map((body) => ['/open', () => ({ status: 201, body }), 201] as const),
        ['/declared', () => ({ status: 201, body: { id: 1, secret: 's' } }), 201],
        ['/declared', () => ({ status: 200, body: { any: 1 } }), 200],
        [
          '/open',
          () => {
            throw new BusinessError('NO_MONEY', 'none', { status: 402, details });
          },
          402,
        ],
      ] as const) {
        respond = next;
        const key = `same-${++runs}`;
        const before = await done();
        const [first, second] = [await post(path, key), await post(path, key)];
        expect(first[0], String(first[2])).to.equal(status);
        expect(second).to.deep.equal(first);
        expect(await post(path, undefined)).to.deep.equal(first);
        expect(await done()).to.equal(before + (status < 400 ? 2 : 0));
      }
    });

    it('that cannot be sent rolls its effect back, with a key and without', async () => {
      const bodies = [
        new Map([['a', 1]]),
        { m: new Map([['a', 1]]) },
        Number.NaN,
        new Uint8Array([65]),
        5n,
        () => 1,
      ];
      const cases: readonly (readonly [string, () => unknown])[] = [
        ...bodies.map((body) => ['/open', () => ({ status: 201, body })] as const),
        ...[999, '201', 201.5, undefined].map((status) => ['/open', () => ({ status, body: {} })] as const),
        ...[{ id: null }, { id: '1.5' }, {}, 'text', null, undefined].map(
          (body) => ['/declared', () => ({ status: 201, body })] as const,
        ),
        ['/open', () => undefined],
        [
          '/open',
          () => {
            throw new BusinessError('NO_MONEY', 'none', { details: { a: new Map([['a', 1]]) } });
          },
        ],
      ];
      for (const [path, next] of cases) {
        const key = `never-${++runs}`;
        const before = await done();
        respond = next;
        for (const sent of [key, key, undefined]) {
          const [status, , text] = await post(path, sent);
          expect([status, String(text).includes('"code":"INTERNAL"')], String(text)).to.deep.equal([
            500,
            true,
          ]);
        }
        expect(await done()).to.equal(before);
        respond = () => ({ status: 201, body: { id: 1 } });
        expect((await post(path, key))[0]).to.equal(201);
        expect(await done()).to.equal(before + 1);
      }
    });
  });

  it('refuses a missing principal before the effect runs, with a key and without', async () => {
    const before = effects;
    for (const headers of [{ 'idempotency-key': 'no-principal' }, {}]) {
      expect((await send('/accounts/1/pay', { amount: 1 }, headers)).status).to.equal(500);
    }
    for (const scope of [undefined, null, 7, '']) {
      const failing = idempotent({} as never, db, () => expect.fail('ran'), { scope: scope as never });
      expect(await failing.catch((error: unknown) => error)).to.be.instanceOf(TypeError);
    }
    expect(effects).to.equal(before);
  });

  it('keeps a client from using the key of a saga step for the row of that step', async () => {
    const key = `${newSagaId(Date.now())}/pay`;
    const stored = { route: 'POST /plain', key };
    const theirs = { effect: effects + 1, account: 'plain' };
    for (let n = 0; n < 2; n++) {
      expect((await send('/plain', { amount: 1 }, { 'idempotency-key': key })).json).to.deep.equal(theirs);
    }
    expect(await db.outcomeOf(stored)).to.equal(undefined);
    const step = await db.idempotent({ ...stored, body: { amount: 100 } }, async () => ({
      status: 201,
      body: 'step',
    }));
    expect(step.body).to.equal('step');
    expect((await send('/plain', { amount: 1 }, { 'idempotency-key': key })).json).to.deep.equal(theirs);
    const peer = {
      method: 'POST',
      route: '/plain',
      params: {},
      headers: { getAll: () => [key] },
      isPeer: true,
    };
    const context = { ...peer, body: { amount: 100 }, query: { names: () => [] }, status: () => undefined };
    expect(await idempotent(context as never, db, () => expect.fail('ran'))).to.equal('step');
  });

  it('finds and cancels an effect by route, key and scope alone', async () => {
    const headers = { 'x-user': 'ada', 'idempotency-key': 'cancelled' };
    expect((await send('/accounts/7/pay?a=1', { amount: 1 }, headers)).status).to.equal(201);
    const key = { route: 'POST /accounts/:account/pay', key: 'cancelled' };
    expect(await db.outcomeOf(key)).to.equal(undefined);
    expect(await db.outcomeOf({ ...key, scope: 'bob' })).to.equal(undefined);
    expect(await db.outcomeOf({ ...key, scope: 'ada' })).to.have.property('status', 201);
    let undone = 0;
    await db.compensate({ ...key, scope: 'ada' }, async (_tx, done) => {
      undone = done?.status ?? 0;
    });
    expect(undone).to.equal(201);
    expect((await send('/accounts/7/pay?a=1', { amount: 1 }, headers)).json).to.include({
      code: 'STEP_CANCELLED',
    });
    const other = { ...headers, 'x-user': 'bob' };
    expect((await send('/accounts/7/pay?a=1', { amount: 1 }, other)).status).to.equal(201);
  });

  describe('a row that an earlier version stored', () => {
    /** Stores a row as an earlier version did, with a fingerprint of the body alone. */
    const store = (route: string, key: string, body: string): Promise<unknown> =>
      db.query(
        `insert into multilane.idempotency (route, key, fingerprint, state, status, body)
         values ($1, $2, $3, 'done', 201, '{"stored":true}')`,
        [route, key, createHash('sha256').update(body).digest('hex')],
      );

    it('is replayed for a request without path parameters and query', async () => {
      await store('POST /plain', 'old', '{"amount":1}');
      const headers = { 'idempotency-key': 'old' };
      expect((await send('/plain', { amount: 1 }, headers)).json).to.deep.equal({ stored: true });
      for (const [url, amount] of [
        ['/plain', 2],
        ['/plain?a=1', 1],
      ] as const) {
        expect((await send(url, { amount }, headers)).status).to.equal(422);
      }
    });

    it('is refused where it may belong to another resource, neither replayed nor done again', async () => {
      await store('POST /shared/:account', 'old', '{"amount":1}');
      const before = effects;
      for (const account of ['1', '2']) {
        const { json } = await send(`/shared/${account}`, { amount: 1 }, { 'idempotency-key': 'old' });
        expect(json).to.include({ code: 'IDEMPOTENCY_KEY_REUSED' });
      }
      expect(effects).to.equal(before);
    });
  });
});
