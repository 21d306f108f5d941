import { expect } from 'chai';
import { bench, latch, settled } from './kit.js';

describe('maxConcurrent', () => {
  it('refuses requests beyond the limit, and none of other routes', async () => {
    const finish = latch<string>();
    const { inject, refused } = bench((app) => {
      app.get('/few', { maxConcurrent: 2 }, () => finish.opened);
      app.get('/other', () => 'ok');
    });
    const running = [inject({ url: '/few' }), inject({ url: '/few', inProcess: true })];
    const { status, headers, json } = await inject({ url: '/few' });
    expect([status, headers['retry-after'], json().code]).to.deep.equal([503, '1', 'OVERLOADED']);
    expect(refused).to.deep.equal(['demo GET /few']);
    expect((await inject({ url: '/other' })).status).to.equal(200);
    finish.open('done');
    for (const answer of await Promise.all(running)) expect(answer.status).to.equal(200);
    expect((await inject({ url: '/few' })).status).to.equal(200);
  });

  it('queues as many as allowed, runs nothing of them before they are admitted, and releases every permit', async () => {
    const gates = [latch(), latch()];
    let begun = 0;
    const { inject } = bench((app) => {
      app.hook('onRequest', () => void begun++);
      app.get('/few', { maxConcurrent: { limit: 1, queue: 1, queueMs: 60_000 } }, async () => {
        await gates[begun - 1]?.opened;
        return 'done';
      });
    });
    const [first, second] = [inject({ url: '/few' }), inject({ url: '/few' })];
    expect((await inject({ url: '/few' })).status).to.equal(503);
    expect(begun).to.equal(1);
    gates[0]!.open();
    expect((await first).status).to.equal(200);
    await settled();
    expect(begun).to.equal(2);
    gates[1]!.open();
    expect((await second).status).to.equal(200);
    expect((await inject({ url: '/few' })).status).to.equal(200);
  });

  it('hands the permit of a client that has left, in the queue or while served, to the next request', async () => {
    const never = new Promise(() => {});
    let serve: () => unknown = () => never;
    const { inject } = bench((app) =>
      app.get(
        '/few',
        { maxConcurrent: { limit: 1, queue: 2, queueMs: 60_000 }, timeoutMs: 60_000 },
        (ctx) => {
          ctx.signal.addEventListener('abort', () => {});
          return serve();
        },
      ),
    );
    const [served, waits] = [new AbortController(), new AbortController()];
    const outcome = (promise: Promise<unknown>) =>
      promise.then(
        () => 'answered',
        () => 'left',
      );
    const first = outcome(inject({ url: '/few', signal: served.signal }));
    const second = outcome(inject({ url: '/few', signal: waits.signal }));
    const third = inject({ url: '/few' });
    waits.abort(new Error('gone'));
    expect(await second).to.equal('left');
    serve = () => 'done';
    served.abort(new Error('gone'));
    expect(await first).to.equal('left');
    // Its handler never ends. It keeps its permit until its deadline: otherwise the bulkhead would not bound
    // handlers.
    const state = await Promise.race([third.then(() => 'served'), settled().then(() => 'waits')]);
    expect(state).to.equal('waits');
  });

  it('is checked while the process starts', () => {
    for (const maxConcurrent of [
      0,
      1.5,
      '3',
      { limit: 1, queue: -1 },
      { limit: 1, queueMs: 0 },
      { queue: 1 },
    ]) {
      expect(() => bench((app) => app.get('/', { maxConcurrent: maxConcurrent as never }, () => 'ok')))
        .to.throw(TypeError)
        .with.property('message')
        .that.matches(/^service demo, route GET \/: maxConcurrent: /);
    }
  });
});
