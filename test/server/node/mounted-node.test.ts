// An application of `node:http` among the limits, hooks and deadlines of its service, over sockets.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { DeadlineExceededError, HttpError } from '#src/errors.js';
import { currentScope } from '#src/scope.js';
import type { NodeHandler } from '#src/server/handler.js';
import { inject, injectStream } from '#src/server/inject.js';
import { until } from '#test/support/until.js';
import { latch, ManualTicker } from '../kit.js';
import { useNodeServers } from './mounted-kit.js';

const echo: NodeHandler = (request, response) => {
  request.pipe(response);
};
const codeOf = async (response: Response): Promise<unknown> =>
  ((await response.json()) as { code: unknown }).code;

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

  it('gets the objects of Node.js, and its response is counted', async () => {
    const { fetch, observer } = await serve((app) =>
      app.mountNode('/a', (request, response) => {
        response.setHeader('x-own', 'yes');
        response.statusCode = 201;
        response.end(`${request.method} ${request.httpVersion}`);
      }),
    );
    const response = await fetch('/a', { method: 'PATCH' });
    expect([response.status, response.headers.get('x-own'), await response.text()]).to.deep.equal([
      201,
      'yes',
      'PATCH 1.1',
    ]);
    await observer.ended(1);
    expect(observer.seen).to.deep.include({
      ...observer.seen[0]!,
      method: 'PATCH',
      template: '/a/*',
      status: 201,
    });
  });

  describe('among the paths', () => {
    const target: NodeHandler = (request, response) => {
      const { url, originalUrl, baseUrl } = request as IncomingMessage & Record<string, unknown>;
      response.end(JSON.stringify([url, originalUrl, baseUrl ?? null]));
    };
    const paths: Readonly<Record<string, readonly unknown[] | number>> = {
      '/a': ['/', '/a', '/a'],
      '/a/': ['/', '/a/', '/a'],
      '/a?q=1&r': ['/?q=1&r', '/a?q=1&r', '/a'],
      '/a/b/c?x=/': ['/b/c?x=/', '/a/b/c?x=/', '/a'],
      '/a/%C3%BC': ['/%C3%BC', '/a/%C3%BC', '/a'],
      '/kept/x': ['/kept/x', '/kept/x', null],
      '/group/b/x': ['/x', '/group/b/x', '/group/b'],
      '/a/%61dmin': 400,
      '/ab': 404,
    };
    for (const [path, expected] of Object.entries(paths))
      it(`sees ${path} as ${JSON.stringify(expected)}`, async () => {
        const { wire } = await serve((app) => {
          app.mountNode('/a', target);
          app.mountNode('/kept', { stripPrefix: false }, target);
          app.group('/group', (group) => group.mountNode('/b', target));
        });
        const client = await wire();
        const response = await client.request('GET', path);
        if (typeof expected === 'number') expect(response?.status).to.equal(expected);
        else expect(JSON.parse(String(response?.body))).to.deep.equal(expected);
        client.destroy();
      });

    it('sees the authority of a target in absolute form as Host', async () => {
      const { wire } = await serve((app) =>
        app.mountNode('/', ({ headers, rawHeaders }, response) => {
          response.end(JSON.stringify([headers.host, rawHeaders.filter((text) => /test/.test(text))]));
        }),
      );
      const client = await wire();
      const response = await client.request('GET', 'http://other.test/x');
      expect(JSON.parse(String(response?.body))).to.deep.equal(['other.test', ['other.test']]);
      client.destroy();
    });

    it('sees the path of a target in absolute form', async () => {
      const { wire } = await serve((app) => app.mountNode('/', target));
      const client = await wire();
      const response = await client.request('GET', 'http://test/x?y');
      expect(JSON.parse(String(response?.body))).to.deep.equal(['/x?y', '/x?y', null]);
      client.destroy();
    });
  });

  for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'PROPFIND'])
    it(`serves ${method}`, async () => {
      const { wire } = await serve((app) =>
        app.mountNode(
          '/a',
          (request, response) => void response.setHeader('x-method', request.method!).end('body'),
        ),
      );
      const client = await wire();
      for (let round = 0; round < 2; round++) {
        const response = await client.request(method, '/a/b');
        expect(response?.headers['x-method']).to.equal(method);
        expect(String(response?.body)).to.equal(method === 'HEAD' ? '' : 'body');
        expect(response?.closes).to.equal(false);
      }
      client.destroy();
    });

  it('has the fields of hooks and the id of the request, unless it sets its own', async () => {
    const { fetch } = await serve((app) => {
      app.hook('onRequest', (ctx) => {
        ctx.header('x-hook', 'hook').header('x-both', 'hook').header('x-text', 'grün');
        ctx.cookie('a', '1').cookie('b', '2');
      });
      app.mountNode('/a', (_request, response) => {
        response.writeHead(200, { 'x-both': 'own' }).end();
      });
    });
    const { headers } = await fetch('/a', { headers: { 'x-request-id': 'r-1' } });
    expect(headers.get('x-request-id')).to.equal('r-1');
    expect(headers.get('x-hook')).to.equal('hook');
    expect(headers.get('x-both')).to.equal('own');
    expect(Buffer.from(headers.get('x-text')!, 'latin1').toString()).to.equal('grün');
    expect(headers.getSetCookie().map((cookie) => cookie.slice(0, 3))).to.deep.equal(['a=1', 'b=2']);
  });

  it('is not called when a hook responds, nor beyond a limit', async () => {
    let called = 0;
    const { fetch } = await serve((app) => {
      app.hook('onRequest', (ctx) => (ctx.query.has('no') ? ctx.status(403).text('no') : undefined));
      app.mountNode('/a', { rateLimit: '60/minute;burst=3' }, (_request, response) => {
        called++;
        response.end();
      });
    });
    // The limit is charged before hooks run.
    expect((await fetch('/a?no')).status).to.equal(403);
    expect((await fetch('/a')).status).to.equal(200);
    const refused = await fetch('/a');
    expect([refused.status, await codeOf(refused), called]).to.deep.equal([429, 'RATE_LIMITED', 1]);
  });

  it('runs in the scope of the request, also where it reads the body', async () => {
    const { fetch } = await serve((app) =>
      app.mountNode('/a', (request, response) => {
        const ids = [currentScope()?.requestId];
        request.on('data', () => ids.push(currentScope()?.requestId));
        request.on('end', () => {
          ids.push(currentScope()?.requestId);
          response.end(ids.join());
        });
      }),
    );
    const response = await fetch('/a', { method: 'POST', body: 'x', headers: { 'x-request-id': 'r-1' } });
    expect(await response.text()).to.equal('r-1,r-1,r-1');
  });

  it('gets a body that arrives while hooks wait', async () => {
    const { fetch } = await serve((app) => {
      app.hook('onRequest', async () => turn());
      app.mountNode('/a', echo);
    });
    const body = 'x'.repeat(300_000);
    expect(await (await fetch('/a', { method: 'POST', body })).text()).to.equal(body);
  });

  it('gets 100-continue before it is called', async () => {
    const { wire } = await serve((app) => app.mountNode('/a', echo));
    const client = await wire();
    client.write('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
    expect((await client.response())?.status).to.equal(100);
    client.write('ab');
    expect(String((await client.response())?.body)).to.equal('ab');
    client.destroy();
  });

  it('is a 500 when a hook has read the body', async () => {
    const { fetch, logs } = await serve((app) => {
      app.mountNode('/a', { preHandler: async (ctx) => void (await ctx.readText()) }, echo);
    });
    expect((await fetch('/a', { method: 'POST', body: 'x' })).status).to.equal(500);
    expect(JSON.stringify(logs)).to.include('a hook has read the body of its request');
  });

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

  describe('with a body', () => {
    it('is not called for an announced one beyond bodyLimit', async () => {
      let called = 0;
      const { fetch } = await serve((app) =>
        app.mountNode('/a', { bodyLimit: 3 }, (_req, _res) => void called++),
      );
      expect((await fetch('/a', { method: 'POST', body: 'four' })).status).to.equal(413);
      expect(called).to.equal(0);
    });

    for (const [coding, chunk, end] of [
      ['Transfer-Encoding: chunked', `4e20\r\n${'x'.repeat(20_000)}\r\n`, '0\r\n\r\n'],
      ['Content-Length: 200000', 'x'.repeat(20_000), ''],
    ] as const) {
      it(`may respond before its end, to a client that reads when it has sent all (${coding})`, async () => {
        const { wire, observer } = await serve((app) =>
          app.mountNode('/a', (_request, response) => void response.writeHead(401).end('no')),
        );
        const client = await wire();
        client.write(`POST /a HTTP/1.1\r\nHost: x\r\n${coding}\r\n\r\n${chunk}`);
        await observer.ended(1);
        for (let i = 1; i < 10; i++) {
          client.write(chunk);
          await turn();
        }
        client.write(end);
        expect(await client.response()).to.include({ status: 401, closes: end !== '' });
        if (end === '') expect((await client.request('GET', '/a'))?.status).to.equal(401);
        else await client.closed();
      });
    }

    it('is cut off by 413 beyond bodyLimit, and the client reads that', async () => {
      const aborted = latch();
      const { wire, observer } = await serve((app) =>
        app.mountNode('/a', { bodyLimit: 30_000 }, (request, response) => {
          let bytes = 0;
          request.on('data', (piece: Buffer) => {
            bytes += piece.length;
            if (bytes > 30_000) throw new Error('too much was passed');
          });
          response.on('close', () => aborted.open());
          request.on('end', () => response.end('all'));
        }),
      );
      const client = await wire();
      client.write('POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
      const chunk = `2710\r\n${'x'.repeat(10_000)}\r\n`;
      for (let i = 0; i < 300; i++) client.write(chunk);
      const response = await client.response();
      expect(response).to.include({ status: 413, closes: true });
      await aborted.opened;
      client.write('0\r\n\r\n');
      await client.closed();
      await observer.ended(1);
      expect(observer.seen[0]).to.include({ status: 413, error: 'BODY_TOO_LARGE' });
      expect(observer.refusals).to.deep.equal(['body_too_large']);
    });

    for (const coding of ['Content-Length: 50000', 'Transfer-Encoding: chunked'])
      it(`is 413 where more than bodyLimit has arrived before the application is called (${coding})`, async () => {
        let called = 0;
        const arrived = latch();
        const { wire } = await serve((app) => {
          app.group('/a', (group) => {
            group.hook('preHandler', () => arrived.opened);
            group.mountNode('/', { bodyLimit: 10_000 }, (_request, response) => {
              called++;
              response.end('all');
            });
          });
        });
        const client = await wire();
        const isChunked = coding.startsWith('T');
        const piece = isChunked ? `3e8\r\n${'x'.repeat(1000)}\r\n` : 'x'.repeat(1000);
        client.write(`POST /a HTTP/1.1\r\nHost: x\r\n${coding}\r\n\r\n${piece.repeat(50)}`);
        for (let turns = 0; turns < 20; turns++) await turn();
        arrived.open();
        expect((await client.response())?.status).to.equal(413);
        expect(called).to.equal(0);
        client.destroy();
      });

    it('is 408 when the client sends nothing more', async () => {
      const ticker = new ManualTicker();
      const called = latch();
      const { wire } = await serve(
        (app) =>
          app.mountNode('/a', (request, _response) => {
            request.resume();
            called.open();
          }),
        { ticker },
      );
      const client = await wire();
      client.write('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab');
      await called.opened;
      ticker.advance(11_000);
      expect(await client.response()).to.include({ status: 408, closes: true });
      await client.closed();
    });

    it('waits for an application that reads slowly', async () => {
      const ticker = new ManualTicker();
      const [called, over] = [latch(), latch()];
      const { wire } = await serve(
        (app) =>
          app.mountNode('/a', async (request, response) => {
            request.pause();
            called.open();
            await over.opened;
            request.pipe(response);
          }),
        { ticker },
      );
      const client = await wire();
      client.write('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab');
      await called.opened;
      ticker.advance(11_000);
      over.open();
      client.write('cde');
      expect(String((await client.response())?.body)).to.equal('abcde');
      client.destroy();
    });

    it('may respond before it has read it', async () => {
      const { wire } = await serve((app) =>
        app.mountNode('/a', (_request, response) => void response.writeHead(401).end('no')),
      );
      const client = await wire();
      client.write('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab');
      expect((await client.response())?.status).to.equal(401);
      client.write('cde');
      expect((await client.request('GET', '/a'))?.status).to.equal(401);
      client.destroy();
    });
  });

  it('notices that its client has left', async () => {
    const [called, closed, aborted] = [latch(), latch(), latch()];
    const { wire, observer, app } = await serve((demo) =>
      demo.mountNode('/a', (request, response) => {
        response.on('close', () => closed.open());
        request.on('close', () => aborted.open());
        called.open();
      }),
    );
    const client = await wire();
    client.write('GET /a HTTP/1.1\r\nHost: x\r\n\r\n');
    await called.opened;
    expect(app.inFlight).to.equal(1);
    client.destroy();
    await Promise.all([closed.opened, aborted.opened, observer.ended(1)]);
    expect(observer.seen[0]).to.include({ status: 499, error: 'CLIENT_CLOSED' });
    await until(
      () => app.inFlight,
      (count) => count === 0,
    );
  });

  it('executes pipelined requests one after the other', async () => {
    let running = 0;
    const { wire, server } = await serve((app) =>
      app.mountNode('/a', async (request, response) => {
        expect(++running).to.equal(1);
        await turn();
        response.end(request.url, () => running--);
      }),
    );
    const client = await wire();
    client.write(['1', '2', '3'].map((n) => `GET /a/${n} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
    for (const n of ['1', '2', '3']) expect(String((await client.response())?.body)).to.equal(`/${n}`);
    expect(server.unfinished).to.equal(0);
    client.destroy();
  });

  describe('in a drain', () => {
    it('closes connections, whatever the application says', async () => {
      const { wire, world } = await serve((app) =>
        app.mountNode(
          '/a',
          (_request, response) => void response.setHeader('connection', 'keep-alive').end('x'),
        ),
      );
      const client = await wire();
      expect(await client.request('GET', '/a')).to.include({ status: 200, closes: false });
      world.draining = true;
      expect(await client.request('GET', '/a')).to.include({ status: 200, closes: true });
      await client.closed();
    });

    for (const [how, begin] of Object.entries({
      'whose events have begun': (response: ServerResponse) => response.write('data: 1\n\n'),
      'that has only its head': (response: ServerResponse) => response.flushHeaders(),
    }))
      it(`ends a stream of events ${how}`, async () => {
        const called = latch();
        const { wire, app, observer } = await serve((demo) =>
          demo.mountNode('/a', (_request, response) => {
            response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
            begin(response);
            called.open();
          }),
        );
        const client = await wire();
        const asked = client.request('GET', '/a');
        await called.opened;
        expect(app.living().map(({ isEndless }) => isEndless)).to.deep.equal([true]);
        app.abandon(new DeadlineExceededError());
        expect(await asked).to.include({ status: 200 });
        await observer.ended(1);
        expect(observer.seen[0]).to.include({ status: 200, error: undefined });
        client.destroy();
      });

    it('is 504 where nothing was sent, and cut where something was', async () => {
      const called = latch();
      const { wire, app } = await serve((demo) => {
        demo.mountNode('/silent', (_req, _res) => called.open());
        demo.mountNode('/begun', (_request, response) => void response.write('half'));
      });
      const [silent, begun] = [await wire(), await wire()];
      const asked = [silent.request('GET', '/silent'), begun.request('GET', '/begun')];
      await called.opened;
      await until(
        () => begun.rest,
        (text) => text.includes('half'),
      );
      app.abandon(new DeadlineExceededError());
      expect((await asked[0])?.status).to.equal(504);
      expect(await asked[1]).to.equal(undefined);
    });
  });

  it('has a handler of the shape of Next.js', async () => {
    // `await app.prepare()` comes before. The handler takes the URL parsed as a third argument, if any.
    const getRequestHandler = () => async (req: IncomingMessage, res: ServerResponse, parsedUrl?: object) => {
      await turn();
      res.setHeader('x-powered-by', 'Next.js');
      res.end(`${req.url} ${parsedUrl === undefined}`);
    };
    const { fetch } = await serve((app) => app.mountNode('/', getRequestHandler()));
    expect(await (await fetch('/page?x=1')).text()).to.equal('/page?x=1 true');
  });

  describe('without a socket', () => {
    it('gets real objects, and its response arrives as it is', async () => {
      const { inject, observer } = await serve((app) =>
        app.mountNode('/a', async (request, response) => {
          response.setHeader('x-url', request.url!).setHeader('set-cookie', ['a=1', 'b=2']);
          response.statusCode = 201;
          const { remoteAddress } = request.socket;
          response.write(`${request.method} ${remoteAddress} ${String(request.headers['x-own'])} `);
          for await (const piece of request) response.write(piece);
          response.end();
        }),
      );
      const body = 'x'.repeat(200_000);
      const request = { method: 'POST', url: '/a/b?c', headers: { 'x-own': 'ü' }, body };
      const { status, headers, text } = await inject({ ...request, remoteAddress: '192.0.2.7' });
      expect([status, headers['x-url'], headers['set-cookie']]).to.deep.equal([201, '/b?c', 'a=1\nb=2']);
      expect(headers).not.to.have.any.keys('connection', 'transfer-encoding', 'keep-alive');
      expect(text() === `POST 192.0.2.7 ${Buffer.from('ü').toString('latin1')} ${body}`).to.equal(true);
      await observer.ended(1);
      expect(observer.seen[0]).to.include({ status: 201, error: undefined });
    });

    it('may respond without a body', async () => {
      const { inject, observer } = await serve((app) =>
        app.mountNode('/a', (_request, response) => response.setHeader('content-length', '4').end('four')),
      );
      const { status, headers, text } = await inject({ method: 'HEAD', url: '/a' });
      expect([status, headers['content-length'], text()]).to.deep.equal([200, '4', '']);
      expect(observer.seen).to.have.length(1);
    });

    it('is 504 at its deadline, and notices that', async () => {
      const ticker = new ManualTicker();
      const [called, closed] = [latch(), latch()];
      const { inject } = await serve(
        (app) =>
          app.mountNode('/a', { timeoutMs: 1000 }, (_request, response) => {
            response.on('close', () => closed.open());
            called.open();
          }),
        { ticker },
      );
      const asked = inject({ url: '/a' });
      await called.opened;
      ticker.advance(2000);
      expect((await asked).status).to.equal(504);
      await closed.opened;
    });

    it('notices that its caller has left', async () => {
      const [called, closed] = [latch(), latch()];
      const { inject, observer } = await serve((app) =>
        app.mountNode('/a', (request, _response) => {
          request.on('close', () => closed.open());
          called.open();
        }),
      );
      const client = new AbortController();
      const asked = inject({ url: '/a', signal: client.signal }).catch((error: unknown) => error);
      await called.opened;
      client.abort(new Error('gone'));
      expect(String(await asked)).to.equal('Error: gone');
      await closed.opened;
      expect(observer.seen[0]).to.include({ status: 499 });
    });

    it('is not finished when its caller leaves in the middle', async () => {
      const closed = latch();
      const { app, observer } = await serve((demo) =>
        demo.mountNode('/a', (_request, response) => {
          response.on('finish', () => expect.fail('it has no end'));
          response.on('close', () => closed.open());
          for (let left = 100; left > 0; left--) response.write(Buffer.alloc(100_000));
        }),
      );
      const { body } = await injectStream(app, { url: '/a' });
      body.destroy();
      await closed.opened;
      await observer.ended(1);
      expect(observer.seen[0]).to.include({ status: 499 });
    });

    it('is refused beyond bodyLimit', async () => {
      const { inject } = await serve((app) => app.mountNode('/a', { bodyLimit: 3 }, echo));
      expect((await inject({ method: 'POST', url: '/a', body: 'four' })).status).to.equal(413);
      async function* body(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('four');
      }
      expect((await inject({ method: 'POST', url: '/a', body: body() })).status).to.equal(413);
    });
  });
});
