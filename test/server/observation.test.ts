import { expect } from 'chai';
import { Type } from '#src/index.js';
import { currentScope } from '#src/scope.js';
import { bench, settled } from './kit.js';

describe('what is reported of a request', () => {
  it('is counted once with its template, by method', async () => {
    const { inject, observer } = bench((app) => app.get('/u/:id', () => 'ok'));
    await inject({ url: '/u/7' });
    await inject({ url: '/u/7', method: 'HEAD' });
    await inject({ url: '/u/7', method: 'POST' });
    await inject({ url: '/nowhere' });
    await inject({ url: '/u/7', method: 'BREW' });
    const seen = observer.seen.map(({ method, template, status, error }) => [
      method,
      template,
      status,
      error,
    ]);
    expect(seen).to.deep.equal([
      ['GET', '/u/{id}', 200, undefined],
      ['HEAD', '/u/{id}', 200, undefined],
      ['POST', undefined, 405, 'METHOD_NOT_ALLOWED'],
      ['GET', undefined, 404, 'ROUTE_NOT_FOUND'],
      ['_OTHER', undefined, 501, 'METHOD_UNKNOWN'],
    ]);
    expect(observer.begun).to.equal(5);
    for (const { microseconds } of observer.seen) expect(microseconds).to.be.within(0, 1e6);
  });

  it('is the route that runs synchronously now, even inside a call within the process', async () => {
    const running: (string | undefined)[] = [];
    const world = bench((app) => {
      app.get('/outer', async () => {
        running.push(world.observer.running);
        const inner = world.inject({ url: '/inner', inProcess: true });
        running.push(world.observer.running);
        await inner;
        running.push(world.observer.running);
      });
      app.get('/inner', () => void running.push(world.observer.running));
    });
    await world.inject({ url: '/outer' });
    expect(running).to.deep.equal(['/outer', '/inner', '/outer', undefined]);
  });

  it('is its route also while a handler runs whose body came later, and while the response is made', async () => {
    const running: (string | undefined)[] = [];
    const shown = {
      toJSON() {
        running.push(world.observer.running);
        return 'shown';
      },
    };
    const world = bench((app) => {
      app.post('/body', { body: Type.Object({}) }, () => {
        running.push(world.observer.running);
        return { shown };
      });
    });
    await world.inject({
      url: '/body',
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    expect(running).to.deep.equal(['/body', '/body']);
    expect(world.observer.running).to.equal(undefined);
  });

  it('is that of a called service in its abort listeners and onResponse hooks, then its caller again', async () => {
    const running: (string | undefined)[] = [];
    const note = (): void => void running.push(world.observer.running);
    const world = bench((app) => {
      app.get('/outer', async () => {
        const caller = new AbortController();
        const inner = world.inject({ url: '/inner', inProcess: true, signal: caller.signal });
        caller.abort();
        note();
        await inner.catch(() => undefined);
      });
      app.get('/inner', { onResponse: note }, (ctx) => {
        ctx.signal.addEventListener('abort', note);
        return new Promise((resolve) => {
          ctx.signal.addEventListener('abort', resolve);
        });
      });
    });
    await world.inject({ url: '/outer' });
    expect(running).to.deep.equal(['/inner', '/inner', '/outer']);
    expect(world.observer.running).to.equal(undefined);
  });

  it('is none behind a handler that throws', async () => {
    const world = bench((app) => {
      app.get('/bad', () => {
        throw new Error('bad');
      });
    });
    await world.inject({ url: '/bad' });
    expect(world.observer.running).to.equal(undefined);
  });

  it('travels with everything it calls: id, deadline, signal, trace and service', async () => {
    const { inject } = bench((app) => {
      app.get('/', async (ctx) => {
        await settled();
        const scope = currentScope()!;
        return {
          id: scope.requestId === ctx.requestId,
          service: scope.service,
          trace: scope.trace.traceId,
          deadline: scope.deadline === ctx.deadline,
          signal: scope.signal === ctx.signal,
        };
      });
    });
    const traceparent = `00-${'b'.repeat(32)}-${'c'.repeat(16)}-01`;
    expect((await inject({ url: '/', headers: { traceparent } })).json()).to.deep.equal({
      id: true,
      service: 'demo',
      trace: 'b'.repeat(32),
      deadline: true,
      signal: true,
    });
  });

  it('is a server span that ends with its status; its sampling follows trusted peers only', async () => {
    const { inject, tracing, world } = bench((app) => {
      app.get('/u/:id', () => 'ok');
      app.get('/bad', async () => {
        throw new Error('bad');
      });
    });
    const traceparent = `00-${'b'.repeat(32)}-${'c'.repeat(16)}-01`;
    await inject({ url: '/u/1', headers: { traceparent } });
    world.trusted = false;
    await inject({ url: '/bad', headers: { traceparent } });
    await inject({ url: '/u/1', headers: { traceparent }, inProcess: true });
    expect(tracing.started.map(({ name, trusted }) => [name, trusted])).to.deep.equal([
      ['GET /u/{id}', true],
      ['GET /bad', false],
      ['GET /u/{id}', true],
    ]);
    expect(tracing.ended).to.deep.equal([
      { status: 200, error: undefined },
      { status: 500, error: 'INTERNAL' },
      { status: 200, error: undefined },
    ]);
  });

  it('has one id in header, problem and scope', async () => {
    const { inject } = bench((app) => app.get('/', (ctx) => ctx.requestId));
    const own = await inject({ url: '/', headers: { 'x-request-id': 'Mine_1.a' } });
    expect([own.headers['x-request-id'], own.text()]).to.deep.equal(['Mine_1.a', 'Mine_1.a']);
    const bad = await inject({ url: '/nowhere', headers: { 'x-request-id': 'not mine' } });
    expect(bad.headers['x-request-id']).to.match(/^[A-Za-z0-9._-]{1,64}$/);
    expect(bad.json().instance).to.equal(`urn:multilane:request:${bad.headers['x-request-id']}`);
  });
});
