import { expect } from 'chai';
import { SECRET_HEADER } from '#src/admin/process-routes.js';
import { localShadowing, registryRoutes } from '#src/admin/registry-routes.js';
import { ownerOf } from '#src/registry/process-owner.js';
import { setUp } from '../registry/registry-kit.js';
import { adminOf, jsonOf, listen, nextTurn } from '../upstream/admin.js';

/** The processes a and b trust each other. */
const SECRET = 'a secret of both';
const headers = { [SECRET_HEADER]: SECRET };
const OWNERS = { a: ownerOf(SECRET, 'a'), b: ownerOf(SECRET, 'b') };
const A = `/registry/v1/processes/${OWNERS.a}`;
const B = `/registry/v1/processes/${OWNERS.b}`;
const INSTANCES = '/registry/v1/instances';
const body = { host: '10.0.0.1', port: 8080, ttlSeconds: 3600, state: 'healthy' };
const one = (id: string, over: object = {}, isLocal = false) => ({
  ...{ service: 'orders', id, isLocal },
  body: { ...body, ...over },
});
const announcing = (...announced: readonly object[]) => ({ ttlSeconds: 15, announced, withdrawn: [] });
const withdrawing = (id: string, serial: string | null) => ({
  ...{ ttlSeconds: 15, announced: [] },
  withdrawn: [{ service: 'orders', id, serial }],
});

interface Row {
  readonly id: string;
  readonly owner: string | null;
  readonly serial: string;
}

function routes(mayShadowLocal = localShadowing({ acceptTokens: false, adminToken: true })) {
  const { registry, time, refused } = setUp({ slots: 2000, maxSnapshotBytes: 1 << 22 });
  const load = { inFlight: () => 0, smoothedLatency: () => 0 };
  const admin = adminOf(registryRoutes(registry, { load, ejectedForMs: () => 0, mayShadowLocal }));
  const rows = async (after = -1) =>
    (await admin.ask('GET', `${INSTANCES}?after=${after}`)).json as {
      readonly instances: readonly Row[];
      readonly next: number | null;
    };
  const put = async (content: object, grants: 'all' | string[] = 'all', path = A) =>
    (await admin.ask('PUT', path, { body: content, grants, headers })).json as {
      readonly count: number;
      readonly refused: readonly { readonly id: string; readonly detail: string }[];
    };
  const ids = () => registry.instances('orders').map(({ id }) => id);
  return { registry, time, refused, ...admin, rows, put, ids };
}

describe('the routes for processes that share a registry', () => {
  it('enter what a process announces, and name what is not admitted', async () => {
    const { put, rows, refused } = routes();
    refused.add('10.0.0.3');
    const bad = [one('port', { port: 0 }), one('host', { host: '10.0.0.3' })];
    const answer = await put(announcing(one('x', { weight: 2 }, true), ...bad));
    expect(answer).to.deep.include({ count: 1 });
    expect(answer.refused).to.deep.equal([
      {
        ...{ service: 'orders', id: 'port', retryAfterSeconds: null },
        detail: '/port must be an integer from 1 to 65535',
      },
      { service: 'orders', id: 'host', detail: '10.0.0.3', retryAfterSeconds: null },
    ]);
    const { instances, next } = await rows();
    expect(next).to.equal(null);
    expect(JSON.parse(JSON.stringify(instances))).to.deep.equal([
      {
        ...{ service: 'orders', id: 'x', owner: OWNERS.a, isLocal: true, serial: instances[0]?.serial },
        body: {
          ...{ ...body, protocol: 'http', weight: 2, zone: null, version: null, metadata: {} },
          healthCheckUrl: null,
        },
      },
    ]);
  });

  it('show the clients of the registry no more than before', async () => {
    const { ask, put } = routes();
    await put(announcing(one('x')));
    const json = jsonOf(await ask('GET', '/registry/v1/services/orders'));
    const [view] = (json as { readonly instances: readonly object[] }).instances;
    expect(view).to.not.have.any.keys('owner', 'isLocal', 'serial', 'ttlSeconds');
  });

  it('renew all instances of a process with any request, until it is too late', async () => {
    const { put, ids, time } = routes();
    await put(announcing(one('x'), one('static', { ttlSeconds: 0, healthCheckUrl: '/h' })));
    for (let n = 0; n < 3; n += 1) {
      await time.pass(14_000);
      expect(await put(announcing())).to.deep.include({ count: 2 });
    }
    expect(await put(announcing(), 'all', B)).to.deep.include({ count: 0 });
    await time.pass(16_000);
    expect(ids()).to.deep.equal(['static']);
  });

  it('withdraw what is of the process, and of others only what was seen of them', async () => {
    const { put, rows, ids } = routes(localShadowing({ acceptTokens: true, adminToken: true }));
    await put(announcing(one('x'), one('y')));
    await put(announcing(one('mine', {}, true), one('x')), 'all', B);
    await put(withdrawing('x', null));
    expect(ids()).to.have.members(['x', 'y', 'mine']);
    const serials = new Map((await rows()).instances.map(({ id, serial }) => [id, serial]));
    await put(announcing(one('x', { weight: 9 })), 'all', B);
    for (const serial of [serials.get('x')!, 'another.1']) await put(withdrawing('x', serial));
    expect(ids(), 'it has changed since').to.include('x');
    const [x] = (await rows()).instances.filter(({ id }) => id === 'x');
    await put(withdrawing('x', x!.serial));
    expect(ids()).to.have.members(['y', 'mine']);
    const { refused } = await put(withdrawing('mine', serials.get('mine')!));
    expect(
      refused.map(({ id }) => id),
      'it serves that itself',
    ).to.deep.equal(['mine']);
  });

  it('leave an instance to the process that serves it itself, and not to clients of others', async () => {
    const { put, rows } = routes();
    await put(announcing(one('x', {}, true)));
    const { refused } = await put(announcing(one('x')), 'all', B);
    expect(refused.map(({ id }) => id)).to.deep.equal(['x']);
    expect((await rows()).instances.map(({ owner }) => owner)).to.deep.equal([OWNERS.a]);
  });

  it('end what a process has announced, but for static instances', async () => {
    const { put, ask, ids } = routes();
    await put(announcing(one('x'), one('static', { ttlSeconds: 0, healthCheckUrl: '/h' })));
    await put(announcing(one('z')), 'all', B);
    expect(await ask('DELETE', A, { headers })).to.deep.equal({ status: 204 });
    expect(ids()).to.have.members(['static', 'z']);
  });

  it('leave the name of a process that drains to its successor', async () => {
    const { put, rows } = routes();
    await put(announcing(one('x', {}, true)));
    await put(announcing(one('x', { weight: 2 }, true)), 'all', B);
    expect((await put(announcing(one('x', { state: 'draining' }, true)))).refused).to.deep.equal([]);
    expect((await rows()).instances.map(({ owner }) => owner)).to.deep.equal([OWNERS.b]);
  });

  it('let a token change the services that it is for, and no other', async () => {
    const { put, ask, ids, refusalOf } = routes();
    await put(announcing(one('x')));
    const grants = ['users'];
    const { refused, count } = await put(announcing(one('y')), grants);
    expect({ refused: refused.map(({ id }) => id), count }).to.deep.equal({ refused: ['y'], count: 0 });
    expect((await put(withdrawing('x', null), grants)).refused).to.have.length(1);
    await ask('DELETE', A, { grants, headers });
    expect(ids()).to.deep.equal(['x']);
    expect(await put(withdrawing('x', null), ['orders'])).to.deep.include({ count: 0, refused: [] });
    expect((await refusalOf('PUT', '/registry/v1/processes/%20', { body: announcing() })).status).to.equal(
      422,
    );
  });

  it('admit instances of a mounted service only with a token for it', async () => {
    for (const [acceptTokens, refusals] of [
      [true, 0],
      [false, 1],
    ] as const) {
      const { put, registry } = routes(localShadowing({ acceptTokens, adminToken: true }));
      registry.registerLocal('orders', '127.0.0.1', 8080);
      expect((await put(announcing(one('x', {}, true)), ['orders'])).refused).to.have.length(refusals);
    }
  });

  it('believe a request only with the secret of the process', async () => {
    const { put, refusalOf, ids } = routes();
    await put(announcing(one('x', {}, true)));
    for (const other of [{}, { [SECRET_HEADER]: '' }, { [SECRET_HEADER]: OWNERS.a }])
      for (const method of ['PUT', 'DELETE'])
        expect(await refusalOf(method, A, { body: announcing(), headers: other })).to.include({
          code: 'ADDRESS_NOT_ALLOWED',
          status: 403,
        });
    expect(ids()).to.deep.equal(['x']);
  });

  it('let a process that is not trusted neither join those that serve a service, nor take their names over', async () => {
    for (const [acceptTokens, admitted] of [
      [false, ['x']],
      [true, ['x', 'y']],
    ] as const) {
      const { ask, put, ids } = routes(localShadowing({ acceptTokens, adminToken: true }));
      await put(announcing(one('x', {}, true)));
      const path = `/registry/v1/processes/${ownerOf('other', 'c')}`;
      const theirs = one('x', { port: 9999 }, true);
      const body = announcing(theirs, one('y', {}, true));
      await ask('PUT', path, { body, headers: { [SECRET_HEADER]: 'other' } });
      expect(ids()).to.deep.equal(admitted);
    }
  });

  it('admit a process under the name of one that has ended', async () => {
    const { ask, put, ids } = routes();
    await put(announcing(one('x', {}, true)));
    await ask('DELETE', A, { headers });
    const path = `/registry/v1/processes/${ownerOf('other', 'c')}`;
    const body = announcing(one('x', {}, true));
    await ask('PUT', path, { body, headers: { [SECRET_HEADER]: 'other' } });
    expect(ids()).to.deep.equal(['x']);
  });

  it('list all instances page by page', async () => {
    const { put, rows } = routes();
    const metadata = { text: 'x'.repeat(2_000) };
    await put(announcing(...Array.from({ length: 250 }, (_, n) => one(`x${n}`, { metadata }))));
    const found: string[] = [];
    let pages = 0;
    for (let after: number | null = -1; after !== null; pages += 1) {
      const { instances, next } = await rows(after);
      found.push(...instances.map(({ id }) => id));
      after = next;
    }
    expect([pages, new Set(found).size, found.length]).to.deep.equal([3, 250, 250]);
  });

  it('admit nothing of a removed registration for as long as another process may have it', async () => {
    const { put, ids, time } = routes();
    const removal = { serial: '-', registrationIds: ['r1'], ttlSeconds: 300, reach: 'own' };
    const left = { service: 'orders', id: 'x', ...removal };
    // It has expired here, because both processes were cut off.
    await put({ ...announcing(), withdrawn: [left] }, 'all', B);
    const idsAfter = async (registrationId: string): Promise<readonly string[]> => {
      await put(announcing(one('x', { registrationId })));
      return ids();
    };
    time.now = 359_999;
    expect(await idsAfter('r1')).to.deep.equal([]);
    time.now = 360_000;
    expect(await idsAfter('r1')).to.deep.equal(['x']);
    const unknown = { ...left, registrationIds: ['r2'], ttlSeconds: undefined };
    await put({ ...announcing(), withdrawn: [unknown, { service: 'orders', id: 'x', serial: null }] });
    time.now += 3_600_000;
    expect(await idsAfter('r2')).to.deep.equal([]);
  });

  it('send the changes from now on, and why an instance has left', async () => {
    const { put, ask, time } = routes();
    await put(announcing(one('before')));
    const { events } = listen(await ask('GET', `${INSTANCES}/watch`));
    await put(announcing(one('x')));
    await put(withdrawing('before', null));
    await time.pass(16_000);
    await nextTurn();
    const seen = events.map(({ event, data }) => {
      const { id, owner, isExpired } = JSON.parse(String(data));
      return [event, id, owner ?? isExpired];
    });
    expect(seen).to.deep.equal([
      ['put', 'x', OWNERS.a],
      ['delete', 'before', false],
      ['delete', 'x', true],
    ]);
  });

  it('refuse a request of another form', async () => {
    const { refusalOf } = routes();
    const many = Array.from({ length: 257 }, () => one('x'));
    for (const wrong of [
      ...[undefined, [], { ...announcing(), ttlSeconds: 0 }, { ...announcing(), more: 1 }],
      ...[announcing(...many), announcing({ service: 'orders', id: 'x' }), { ttlSeconds: 15 }],
    ])
      expect((await refusalOf('PUT', A, { body: wrong, headers })).code).to.equal('VALIDATION_FAILED');
    expect((await refusalOf('GET', `${INSTANCES}?after=x`)).code).to.equal('VALIDATION_FAILED');
  });
});
