// An application of `node:http` that fails, or is late: what its client gets, and what it may still do.
import type { ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import type { NodeHandler } from '#src/server/handler.js';
import { inject } from '#src/server/inject.js';
import { until } from '#test/support/until.js';
import { latch, ManualTicker } from '../kit.js';
import { codeOf, useNodeServers } from './mounted-kit.js';

const late: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
  'ends the response': (response) => response.setHeader('x-late', '1').writeHead(200).end('late'),
  'writes and ends it': (response) => {
    response.write('late');
    response.end('late');
  },
  'writes a large body': (response) => response.end(Buffer.alloc(1e6)),
  throws: () => {
    throw new Error('too late');
  },
};

describe('a mounted application of node:http', () => {
  const serve = useNodeServers();

  describe('that fails', () => {
    const failures: Readonly<Record<string, NodeHandler>> = {
      throws: (_req, _res) => {
        throw new Error('broken');
      },
      rejects: async (_req, _res) => {
        await turn();
        throw new Error('broken');
      },
      'throws behind fields of its own': (_request, response) => {
        response.writeHead(200, { 'x-secret': '1' });
        throw new Error('broken');
      },
    };
    for (const [how, handler] of Object.entries(failures))
      it(`is a problem when it ${how}`, async () => {
        const { fetch, logs, observer } = await serve((app) => app.mountNode('/a', handler));
        const response = await fetch('/a', { method: 'POST', body: 'x' });
        expect([response.status, await codeOf(response)]).to.deep.equal([500, 'INTERNAL']);
        expect(response.headers.get('x-secret')).to.equal(null);
        await observer.ended(1);
        expect(observer.seen[0]).to.include({ status: 500, error: 'INTERNAL' });
        expect(JSON.stringify(logs)).to.include('broken');
      });

    it('is a problem when it throws for a piece of the body', async () => {
      const called = latch();
      const { wire, logs } = await serve((app) =>
        app.mountNode('/a', (request, _response) => {
          request.on('data', () => {
            throw new Error('broken');
          });
          request.once('resume', () => called.open());
        }),
      );
      const client = await wire();
      client.write('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n');
      await called.opened;
      client.write('hello');
      expect((await client.response())?.status).to.equal(500);
      expect(JSON.stringify(logs)).to.include('broken');
      client.destroy();
    });

    it('has its error in the onError hooks', async () => {
      const { fetch } = await serve((app) => {
        app.hook('onError', (ctx, error) => ctx.status(502).json({ told: String(error) }));
        app.mountNode('/a', async (_req, _res) => Promise.reject(new Error('broken')));
      });
      const response = await fetch('/a');
      expect([response.status, await response.json()]).to.deep.equal([502, { told: 'Error: broken' }]);
    });

    for (const [what, respond] of Object.entries(late))
      for (const way of ['over a socket', 'within the process'])
        it(`has what its onError hook responds ${way}, when the application ${what} meanwhile`, async () => {
          const { fetch, app, logs } = await serve((service) => {
            let response: ServerResponse;
            service.hook('onError', async (ctx, error) => {
              if (what !== 'throws') respond(response);
              await turn();
              return ctx.status(502).json({ told: String(error) });
            });
            service.mountNode('/a', async (_request, its) => {
              response = its;
              return Promise.reject(new Error('broken'));
            });
          });
          if (way === 'over a socket') {
            const got = await fetch('/a');
            expect([got.status, await got.json()]).to.deep.equal([502, { told: 'Error: broken' }]);
          } else expect(await inject(app, { url: '/a' })).to.include({ status: 502 });
          expect(JSON.stringify(logs)).not.to.include('write after end');
        });

    it('is the HttpError that it throws', async () => {
      const { fetch } = await serve((app) =>
        app.mountNode('/a', (_req, _res) => {
          throw new HttpError('UNAUTHORIZED', 'Log in.');
        }),
      );
      expect((await fetch('/a')).status).to.equal(401);
    });

    it('cuts the connection when it fails in the middle of its response', async () => {
      const { wire, observer } = await serve((app) =>
        app.mountNode('/a', async (_request, response) => {
          response.write('half');
          await turn();
          throw new Error('broken');
        }),
      );
      const client = await wire();
      expect(await client.request('GET', '/a')).to.equal(undefined);
      expect(client.rest).to.include('half');
      await observer.ended(1);
      expect(observer.seen[0]).to.include({ status: 500, error: 'INTERNAL' });
    });

    it('may write behind the end of its response', async () => {
      const { fetch, logs } = await serve((app) =>
        app.mountNode('/a', (_request, response) => {
          response.end('all');
          response.write('more');
        }),
      );
      expect(await (await fetch('/a')).text()).to.equal('all');
      await until(
        () => JSON.stringify(logs),
        (text) => text.includes('write after end'),
      );
    });
  });

  describe('at its deadline', () => {
    for (const [what, respond] of Object.entries(late))
      it(`is 504 and closes the connection; then the application ${what} without an effect`, async () => {
        const ticker = new ManualTicker();
        const [called, passed, closed] = [latch(), latch(), latch()];
        const responded = latch();
        const { wire, observer } = await serve(
          (app) =>
            app.mountNode('/a', { timeoutMs: 1000 }, async (_request, response) => {
              response.on('close', () => closed.open());
              called.open();
              await passed.opened;
              try {
                respond(response);
              } finally {
                responded.open();
              }
            }),
          { ticker },
        );
        const client = await wire();
        const asked = client.request('GET', '/a');
        await called.opened;
        ticker.advance(2000);
        const response = await asked;
        expect(response).to.include({ status: 504, closes: true });
        expect(JSON.parse(String(response?.body))).to.include({ code: 'DEADLINE_EXCEEDED' });
        expect(response?.headers['x-request-id']).to.be.a('string');
        await closed.opened;
        passed.open();
        await responded.opened;
        await client.closed();
        expect(client.rest).to.equal('');
        expect(observer.seen).to.have.length(1);
        expect(observer.seen[0]).to.include({ status: 504, error: 'DEADLINE_EXCEEDED' });
      });

    it('goes on with a response that has begun', async () => {
      const ticker = new ManualTicker();
      const [begun, over] = [latch(), latch()];
      const { fetch, world, observer } = await serve(
        (app) =>
          app.mountNode('/a', { timeoutMs: 1000 }, async (_request, response) => {
            response.write('one');
            begun.open();
            await over.opened;
            response.end('two');
          }),
        { ticker },
      );
      world.permits = 1;
      const asked = fetch('/a');
      await begun.opened;
      expect(world.permits).to.equal(1);
      ticker.advance(5000);
      over.open();
      expect(await (await asked).text()).to.equal('onetwo');
      await observer.ended(1);
      expect(observer.seen[0]).to.include({ status: 200, error: undefined });
    });

    it('is 504 when only the status was chosen', async () => {
      const ticker = new ManualTicker();
      const called = latch();
      const { fetch } = await serve(
        (app) =>
          app.mountNode('/a', { timeoutMs: 1000 }, (_request, response) => {
            response.writeHead(200, { 'content-type': 'text/plain' });
            called.open();
          }),
        { ticker },
      );
      const asked = fetch('/a');
      await called.opened;
      ticker.advance(2000);
      expect((await asked).status).to.equal(504);
    });
  });
});
