// Applications of Fastify 5, mounted as they are: their plugins are loaded before requests reach them.
import { Readable } from 'node:stream';
import websocket from '@fastify/websocket';
import { expect } from 'chai';
import fastify, { type FastifyInstance } from 'fastify';
import { currentScope } from '#src/scope.js';
import { UnpreparedError } from '#src/server/mounted-applications.js';
import { bench, latch, ManualTicker } from '../kit.js';
import { useNodeServers } from './mounted-kit.js';

describe('a mounted application of Fastify', () => {
  const serve = useNodeServers();
  const serving = async (fill: (app: FastifyInstance) => void) => {
    const application = fastify();
    fill(application);
    return serve((app) => app.mountNode('/old', application));
  };

  it('has its plugins, hooks, schemas and errors', async () => {
    const { fetch, observer } = await serving((app) => {
      app.addHook('onRequest', async (_request, reply) => void reply.header('x-served-by', 'fastify'));
      app.register(
        async (users) => {
          await Promise.resolve();
          users.decorate('greeting', 'hello');
          users.post(
            '/:id',
            {
              schema: {
                params: { type: 'object', properties: { id: { type: 'integer' } } },
                body: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
                response: {
                  201: { type: 'object', properties: { id: { type: 'integer' }, name: { type: 'string' } } },
                },
              },
            },
            async (request, reply) => {
              const { id } = request.params as { id: number };
              const { name } = request.body as { name: string };
              reply.code(201);
              return { id, name, secret: 'omitted' };
            },
          );
        },
        { prefix: '/users' },
      );
    });
    const post = (body: string): Promise<Response> =>
      fetch('/old/users/7', { method: 'POST', body, headers: { 'content-type': 'application/json' } });
    const made = await post('{"name":"ada"}');
    expect([made.status, await made.json()]).to.deep.equal([201, { id: 7, name: 'ada' }]);
    expect(made.headers.get('x-served-by')).to.equal('fastify');
    const refused = await post('{}');
    expect([refused.status, ((await refused.json()) as { code: string }).code]).to.deep.equal([
      400,
      'FST_ERR_VALIDATION',
    ]);
    expect((await fetch('/old/none')).status).to.equal(404);
    await observer.ended(3);
    expect(observer.seen.map(({ status }) => status)).to.deep.equal([201, 400, 404]);
  });

  it('streams, in the scope of the request', async () => {
    const { fetch, world } = await serving((app) => {
      app.get('/', async (request, reply) => {
        const id = currentScope()?.requestId;
        return reply
          .type('text/plain')
          .send(Readable.from([`${request.originalUrl} `, `${id === request.raw.headers['x-request-id']}`]));
      });
    });
    world.permits = 1;
    const response = await fetch('/old?x', { headers: { 'x-request-id': 'r-1' } });
    expect(await response.text()).to.equal('/old?x true');
    expect(world.permits).to.equal(1);
  });

  it('may respond behind its deadline', async () => {
    const ticker = new ManualTicker();
    const [called, passed, responded] = [latch(), latch(), latch()];
    const application = fastify();
    application.get('/', async (_request, reply) => {
      called.open();
      await passed.opened;
      setImmediate(() => responded.open());
      return reply.header('x-late', '1').send({ late: true });
    });
    const { fetch, logs } = await serve((app) => app.mountNode('/', { timeoutMs: 1000 }, application), {
      ticker,
    });
    const asked = fetch('/');
    await called.opened;
    ticker.advance(2000);
    expect((await asked).status).to.equal(504);
    passed.open();
    await responded.opened;
    expect((await fetch('/none')).status).to.equal(404);
    expect(JSON.stringify(logs)).not.to.include('failed');
  });

  it('is 503 until its plugins are loaded', async () => {
    const loaded = latch();
    const application = fastify();
    application.register(async () => loaded.opened);
    application.get('/', async () => 'x');
    const { app, inject } = bench((demo) => demo.mountNode('/', application));
    const prepared = app.applications.prepared();
    const response = await inject({ url: '/' });
    expect([response.status, response.json().code]).to.deep.equal([503, 'STARTING']);
    loaded.open();
    await prepared;
    expect((await inject({ url: '/' })).text()).to.equal('x');
  });

  it('ends the start when a plugin fails', async () => {
    const application = fastify();
    const error = new Error('no database');
    application.register(async () => {
      throw error;
    });
    const { app } = bench((demo) => demo.mountNode('/old', application));
    const failure = await app.applications.prepared().catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(UnpreparedError);
    expect((failure as Error).message).to.equal('service demo, mountNode /old: no database');
    expect((failure as Error).cause).to.equal(error);
    expect((failure as UnpreparedError).declaration.stack).to.include('mounted-fastify.test');
  });

  it('ends the start with WebSockets of its own', async () => {
    const application = fastify();
    application.register(websocket);
    const { app } = bench((demo) => demo.mountNode('/old', application));
    const failure = await app.applications.prepared().catch((error: unknown) => error);
    expect(String(failure)).to.include('its WebSockets (@fastify/websocket) get no connection here');
  });
});
