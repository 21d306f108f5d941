import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { breakerRoutes } from '#src/admin/breaker-routes.js';
import { Block } from '#src/memory/block.js';
import { BreakerCells } from '#src/memory/breaker/breaker-cell.js';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';
import { namedBreakerRow, withNamedBreakers } from '#src/upstream/breaker-owners.js';
import { adminOf, jsonOf } from '../upstream/admin.js';

/** @param others instances beside the one of most tests */
function setUp(others = 0) {
  const time = { now: 0 };
  const breakers = new BreakerCells(Block.create({ workers: 1 }), 0, DEFAULT_TRIP_RULE, () => time.now);
  const instances = [
    { id: '127.0.0.1:8080', slot: 4 },
    ...Array.from({ length: others }, (_, n) => ({ id: `other-${n}`, slot: 5 })),
  ];
  const registry = {
    services: () => ({ orders: 1 }),
    instances: (service: string) => (service === 'orders' ? instances : []),
  };
  const fail = (times: number): void => {
    for (let i = 0; i < times; i++) breakers.settle(4, breakers.admit(4), 'failure');
  };
  const named = [
    { slot: 1030, name: namedBreakerRow('orders', '127.0.0.1:8080') },
    { slot: 1031, name: namedBreakerRow('mailer', 'smtp') },
  ];
  const { ask, refusalOf } = adminOf(
    breakerRoutes(
      withNamedBreakers(registry, () => named),
      breakers,
      () => ({ clockMs: time.now, wallMs: time.now }),
    ),
  );
  const shown = async () => (jsonOf(await ask('GET', '/breakers')) as { items: object[] }).items[0];
  return { ask, refusalOf, breakers, fail, shown, time };
}

const PATH = '/breakers/orders/127.0.0.1:8080';

describe('the routes of breakers', () => {
  it('show state, window and probes of every instance', async () => {
    const { ask, fail, shown, time } = setUp();
    expect(jsonOf(await ask('GET', '/breakers'))).to.have.property('nextCursor', null);
    fail(3);
    expect(await shown()).to.deep.equal({
      service: 'orders',
      instance: '127.0.0.1:8080',
      state: 'closed',
      forced: false,
      since: null,
      window: { calls: 3, failures: 3 },
      probes: null,
      retryInMs: null,
      transitions: { open: 0, halfOpen: 0, closed: 0 },
    });
    fail(17);
    time.now = 1_000;
    expect(await shown()).to.deep.include({
      state: 'open',
      window: { calls: 20, failures: 20 },
      retryInMs: 4_000,
      since: new Date(0).toISOString(),
    });
    time.now = 5_000;
    expect(await shown()).to.deep.include({
      state: 'half-open',
      window: { calls: 20, failures: 20 },
      probes: { permitted: 3, taken: 0, succeeded: 0 },
    });
  });

  it('force a breaker open or closed, and release it', async () => {
    const { ask, breakers, shown } = setUp();
    const opened = await ask('PUT', PATH, { body: { force: 'open' } });
    expect(opened.status).to.equal(200);
    expect(opened.json).to.include({ state: 'open', forced: true });
    expect(breakers.admit(4)).to.be.lessThan(0);
    await ask('PUT', PATH, { body: { force: 'closed' } });
    expect(await shown()).to.include({ state: 'closed', forced: true });
    await ask('PUT', PATH, { body: { force: 'auto' } });
    expect(await shown()).to.include({ state: 'closed', forced: false });
  });

  it('show at once what was forced, also while another client is sent the list', async () => {
    const { ask, shown } = setUp(2_000);
    const other = shown();
    await turn();
    await ask('PUT', PATH, { body: { force: 'open' } });
    expect(await shown()).to.include({ state: 'open', forced: true });
    expect(await other, 'the list was begun before').to.include({ forced: false });
  });

  it('show and force the named breakers of a service beside its instances', async () => {
    const { ask, breakers } = setUp();
    const { items } = jsonOf(await ask('GET', '/breakers')) as {
      items: { service: string; instance: string }[];
    };
    expect(items.map(({ service, instance }) => `${service} ${instance}`)).to.deep.equal([
      'orders 127.0.0.1:8080',
      'orders ~127.0.0.1:8080',
      'mailer ~smtp',
    ]);
    const forced = await ask('PUT', '/breakers/mailer/~smtp', { body: { force: 'open' } });
    expect(forced.json).to.include({ service: 'mailer', instance: '~smtp', state: 'open', forced: true });
    expect([4, 1030, 1031].map((slot) => breakers.admit(slot) >= 0)).to.deep.equal([true, true, false]);
  });

  it('report each change with its reason, as every switch does', async () => {
    const { ask } = setUp();
    const put = async (body: object) => (await ask('PUT', PATH, { body })).change;
    const change = (from: string, to: string, reason: string | null) => ({
      switch: 'breaker orders 127.0.0.1:8080',
      ...{ from, to, reason },
    });
    expect([
      await put({ force: 'open', reason: 'it answers too late' }),
      await put({ force: 'open', reason: 'again' }),
      await put({ force: 'closed' }),
      await put({ force: 'auto', reason: null }),
    ]).to.deep.equal([
      change('auto', 'open', 'it answers too late'),
      change('open', 'open', 'again'),
      change('open', 'closed', null),
      change('closed', 'auto', null),
    ]);
  });

  it('refuse a body that they do not know, and answer 404 for an unknown instance', async () => {
    const { refusalOf, breakers } = setUp();
    for (const [body, ...paths] of [
      [undefined, ''],
      [null, ''],
      ['open', ''],
      [{}, '/force'],
      [{ force: 'half-open' }, '/force'],
      [{ force: ['open'] }, '/force'],
      [{ force: 'open', for: 60 }, '/for'],
      [{ force: 'open', reason: 7 }, '/reason'],
      [{ reason: 'x'.repeat(201), state: 'open' }, '/state', '/force', '/reason'],
    ] as const) {
      const error = await refusalOf('PUT', PATH, { body });
      expect(error.code).to.equal('VALIDATION_FAILED');
      expect(error.errors!.map(({ path }) => path)).to.deep.equal(paths);
    }
    expect(breakers.state(4).state).to.equal('closed');
    expect((await refusalOf('PUT', '/breakers/orders/other', { body: { force: 'open' } })).code).to.equal(
      'NOT_FOUND',
    );
    expect((await refusalOf('PUT', '/breakers/users/x', { body: { force: 'open' } })).code).to.equal(
      'NOT_FOUND',
    );
  });
});
