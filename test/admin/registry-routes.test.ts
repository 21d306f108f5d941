import { expect } from 'chai';
import { LOOPBACK_AND_PRIVATE } from '#src/address-ranges.js';
import { localShadowing, registryRoutes } from '#src/admin/registry-routes.js';
import { AddressPolicy } from '#src/registry/addresses.js';
import { Registry } from '#src/registry/registry.js';
import { SlotTable } from '#src/registry/slot-table.js';
import { adminOf, jsonOf, listen, nextTurn } from '../upstream/admin.js';
import { FakeTime } from '../upstream/endpoints.js';

const ONE = '/registry/v1/services/orders/instances/i1';
const body = { host: '127.0.0.1', port: 8081, zone: 'z1', metadata: { k: 'v' } };

function setUp(mayShadowLocal = localShadowing({ acceptTokens: false, adminToken: true })) {
  const time = new FakeTime();
  const registry = new Registry({
    clock: time.clock,
    now: () => new Date(Date.UTC(2026, 0, 1) + time.now),
    schedule: time.schedule,
    publish: () => undefined,
    slots: new SlotTable(
      2000,
      time.clock,
      () => undefined,
      () => false,
    ),
    ejections: { isEjected: () => false, arrive: () => undefined },
    addresses: new AddressPolicy({
      allow: LOOPBACK_AND_PRIVATE,
      guarded: () => [{ host: '127.0.0.1', port: 9901 }],
    }),
    health: { watch: () => () => undefined },
    revisionPrefix: 'p',
    maxSnapshotBytes: 1 << 20,
    maxOfService: 10_000,
  });
  let shown = 0;
  const load = {
    inFlight: () => {
      shown += 1;
      return 3;
    },
    smoothedLatency: () => 1234.5,
  };
  return {
    /** The number of times that an instance has been encoded for a client. */
    written: () => shown,
    registry,
    time,
    ...adminOf(registryRoutes(registry, { load, ejectedForMs: () => 0, mayShadowLocal })),
  };
}

describe('the routes of the registry', () => {
  it('answers 201 for a new instance, 200 for a replaced one, with the instance', async () => {
    const { ask } = setUp();
    const created = await ask('PUT', ONE, { body });
    expect(created.status).to.equal(201);
    expect(JSON.parse(JSON.stringify(created.json))).to.deep.equal({
      id: 'i1',
      host: '127.0.0.1',
      port: 8081,
      protocol: 'http',
      weight: 1,
      zone: 'z1',
      version: null,
      metadata: { k: 'v' },
      state: 'healthy',
      lastHeartbeat: '2026-01-01T00:00:00.000Z',
      healthCheckUrl: null,
      inFlight: 3,
      ewmaMs: 1.235,
      ejectedUntil: null,
    });
    expect((await ask('PUT', ONE, { body: { ...body, weight: 2 } })).status).to.equal(200);
    expect((await ask('PUT', ONE, { body: { ...body, weight: 2 } })).status).to.equal(200);
  });

  it('answers 204 to heartbeat, drain and delete, and 404 for an unknown instance', async () => {
    const { ask, refusalOf } = setUp();
    const changes = [
      ['PUT', `${ONE}/heartbeat`],
      ['PUT', `${ONE}/drain`],
      ['DELETE', ONE],
    ] as const;
    for (const [method, path] of changes) expect((await refusalOf(method, path)).code).to.equal('NOT_FOUND');
    await ask('PUT', ONE, { body });
    for (const [method, path] of changes) expect(await ask(method, path)).to.deep.equal({ status: 204 });
    expect((await refusalOf('DELETE', ONE)).code).to.equal('NOT_FOUND');
  });

  it('lists services with their number of instances, and the instances of one', async () => {
    const { ask } = setUp();
    await ask('PUT', ONE, { body });
    const services = (await ask('GET', '/registry/v1/services')).json;
    expect(JSON.parse(JSON.stringify(services))).to.deep.equal({ revision: 'p-1', services: { orders: 1 } });
    const list = jsonOf(await ask('GET', '/registry/v1/services/orders')) as { instances: { id: string }[] };
    expect(list.instances.map(({ id }) => id)).to.deep.equal(['i1']);
    expect(jsonOf(await ask('GET', '/registry/v1/services/unknown'))).to.deep.equal({
      revision: 'p-1',
      instances: [],
    });
  });

  it('refuses bad names, bodies and addresses', async () => {
    const { refusalOf } = setUp();
    expect((await refusalOf('PUT', '/registry/v1/services/Orders/instances/i1', { body })).code).to.equal(
      'VALIDATION_FAILED',
    );
    expect((await refusalOf('PUT', ONE, { body: 'x' })).code).to.equal('VALIDATION_FAILED');
    for (const address of [
      { host: '8.8.8.8' },
      { host: '169.254.169.254' },
      { port: 9901 },
      { host: '::1', port: 9901 },
    ]) {
      expect((await refusalOf('PUT', ONE, { body: { ...body, ...address } })).code).to.equal(
        'ADDRESS_NOT_ALLOWED',
      );
    }
    expect((await refusalOf('GET', '/registry/v1/services/x%2Fy')).code).to.equal('VALIDATION_FAILED');
  });

  it('lets a token change the services that it is for, and no other', async () => {
    const { ask, refusalOf } = setUp();
    const grants = ['orders'];
    expect((await ask('PUT', ONE, { body, grants })).status).to.equal(201);
    expect((await ask('PUT', `${ONE}/heartbeat`, { grants })).status).to.equal(204);
    for (const [method, path] of [
      ['PUT', ''],
      ['PUT', '/heartbeat'],
      ['PUT', '/drain'],
      ['DELETE', ''],
    ] as const) {
      const error = await refusalOf(method, `${ONE}${path}`, { body, grants: ['users'] });
      expect(error).to.include({ code: 'UNAUTHORIZED', status: 401 });
      expect(error.headers).to.have.property('www-authenticate');
    }
    expect((await ask('GET', '/registry/v1/services/orders', { grants: ['users'] })).status).to.equal(200);
  });

  describe('for services mounted here', () => {
    const status = async (rules: Parameters<typeof localShadowing>[0], grants: 'all' | string[]) => {
      const { registry, ask } = setUp(localShadowing(rules));
      registry.registerLocal('orders', '127.0.0.1', 8080);
      return ask('PUT', ONE, { body, grants }).then(
        (reply) => reply.status,
        (error: { status: number }) => error.status,
      );
    };

    it('refuses every caller without an accept-tokens file', async () => {
      expect(await status({ acceptTokens: false, adminToken: true }, 'all')).to.equal(403);
      expect(await status({ acceptTokens: false, adminToken: false }, 'all')).to.equal(403);
    });

    it('with one, admits tokens for the service, and an operator with the admin token', async () => {
      expect(await status({ acceptTokens: true, adminToken: false }, ['orders'])).to.equal(201);
      expect(await status({ acceptTokens: true, adminToken: true }, 'all')).to.equal(201);
      expect(await status({ acceptTokens: true, adminToken: false }, 'all')).to.equal(403);
    });
  });

  describe('watch', () => {
    it('sends one event for every change from now on', async () => {
      const { ask, time } = setUp();
      await ask('PUT', ONE, { body });
      const { events, stop } = listen(await ask('GET', '/registry/v1/watch'));
      await ask('PUT', `${ONE}/drain`);
      await time.pass(30_000);
      await nextTurn();
      expect(events.map(({ id, event }) => `${id} ${event}`)).to.deep.equal(['p-2 put', 'p-3 delete']);
      const [put, deleted] = events.map(({ data }) => JSON.parse(String(data)) as unknown);
      expect(put).to.have.nested.property('instance.state', 'draining');
      expect(put).not.to.have.nested.property('instance.slot');
      expect(deleted).to.deep.equal({ service: 'orders', id: 'i1' });
      await ask('PUT', ONE, { body });
      stop();
      await ask('PUT', `${ONE}/drain`);
      await nextTurn();
      expect(events).to.have.length(2);
    });

    it('sends the changes since a revision first; Last-Event-ID wins over since', async () => {
      const { ask } = setUp();
      await ask('PUT', ONE, { body });
      await ask('PUT', `${ONE}/drain`);
      const since = listen(await ask('GET', '/registry/v1/watch?since=p-0'));
      await nextTurn();
      expect(since.events.map(({ id }) => id)).to.deep.equal(['p-1', 'p-2']);
      const headers = { 'last-event-id': 'p-1' };
      const resumed = listen(await ask('GET', '/registry/v1/watch?since=p-0', { headers }));
      await nextTurn();
      expect(resumed.events.map(({ id }) => id)).to.deep.equal(['p-2']);
    });

    it('encodes each change once, however many clients watch', async () => {
      const { ask, written } = setUp();
      const watchers = await Promise.all(
        Array.from({ length: 20 }, async () => listen(await ask('GET', '/registry/v1/watch'))),
      );
      await ask('PUT', ONE, { body });
      await nextTurn();
      const before = written();
      await ask('PUT', `${ONE}/drain`);
      await nextTurn();
      expect(written() - before).to.equal(1);
      expect(new Set(watchers.map(({ events }) => events[1]!.data)).size).to.equal(1);
    });

    it('loses no change that happens before the stream has begun', async () => {
      const { ask } = setUp();
      const reply = await ask('GET', '/registry/v1/watch');
      await ask('PUT', ONE, { body });
      const { events } = listen(reply);
      await nextTurn();
      expect(events.map(({ id }) => id)).to.deep.equal(['p-1']);
    });

    it('sends a client that reads slowly what it has missed as it reads, each change once', async () => {
      const { ask } = setUp();
      const change = async (weight: number) => void (await ask('PUT', ONE, { body: { ...body, weight } }));
      for (let n = 1; n <= 10; n++) await change(n);
      const { events, read } = listen(await ask('GET', '/registry/v1/watch?since=p-0'), 4);
      await nextTurn();
      expect(events).to.have.length(10);
      await change(11);
      await change(12);
      await nextTurn();
      expect(events).to.have.length(10);
      read(12);
      await nextTurn();
      expect(events).to.have.length(12);
      await change(13);
      read();
      await nextTurn();
      expect(events.map(({ id }) => id)).to.deep.equal(Array.from({ length: 13 }, (_, n) => `p-${n + 1}`));
    });

    it('disconnects a client that does not read when the log no longer has its next change', async () => {
      const { ask } = setUp();
      const change = async (weight: number) => void (await ask('PUT', ONE, { body: { ...body, weight } }));
      const { events, closed } = listen(await ask('GET', '/registry/v1/watch'), 1);
      await change(1);
      await nextTurn();
      for (let n = 2; n <= 1_025; n++) await change(n);
      await nextTurn();
      expect(closed()).to.equal(false);
      await change(1);
      await nextTurn();
      expect(closed()).to.equal(true);
      expect(events).to.have.length(1);
    });

    it('is REVISION_GONE for a revision that is unknown, foreign or too old', async () => {
      const { ask, refusalOf } = setUp();
      for (const revision of ['q-0', 'p-1', 'nonsense']) {
        expect((await refusalOf('GET', `/registry/v1/watch?since=${revision}`)).code).to.equal(
          'REVISION_GONE',
        );
      }
      for (let port = 1; port <= 1025; port++) await ask('PUT', ONE, { body: { ...body, weight: port } });
      expect(await refusalOf('GET', '/registry/v1/watch?since=p-0')).to.include({
        code: 'REVISION_GONE',
        status: 410,
      });
      expect((await ask('GET', '/registry/v1/watch?since=p-1')).status).to.equal(200);
    });
  });
});
