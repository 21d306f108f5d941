// An application of `node:http` among the limits, hooks and deadlines of its service, over sockets.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { DeadlineExceededError } from '#src/errors.js';
import { currentScope } from '#src/scope.js';
import type { NodeHandler } from '#src/server/handler.js';
import { until } from '#test/support/until.js';
import { latch } from '../kit.js';
import { codeOf, echo, useNodeServers } from './mounted-kit.js';

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

  it('is reported once when it returns a value and sends no response', async () => {
    const values = ['text', { a: 1 }, [1], Buffer.from('x'), new Response('x')];
    const { fetch, logs } = await serve((app) => {
      for (const [at, value] of values.entries()) {
        app.mountNode(`/returns${at}`, { timeoutMs: 1 }, (_req, _res) => value);
        app.mountNode(`/resolves${at}`, { timeoutMs: 1 }, async (_req, _res) => value);
      }
    });
    const warnings = () => logs.filter(({ msg }) => String(msg).includes('has returned a value and sent no'));
    for (const at of values.keys())
      for (const path of [`/returns${at}`, `/resolves${at}`]) {
        const before = warnings().length;
        for (const _ of [1, 2]) expect((await fetch(path)).status).to.equal(504);
        expect(warnings().slice(before)).to.have.length(1);
        expect(warnings().at(-1)).to.include({ service: 'demo', route: `${path}/*` });
      }
  });

  it('is not reported when it responds, or returns what functions return that respond later', async () => {
    const { fetch, logs } = await serve((app) => {
      app.mountNode('/sent', (_req, res) => {
        res.end();
        return 'text';
      });
      app.mountNode('/timer', (_req, res) => setTimeout(() => res.end(), 1));
      app.mountNode('/stream', (req, res) => req.on('end', () => res.end()).resume());
      app.mountNode('/part', (_req, res) => {
        setImmediate(() => res.end());
        return res.write('a part');
      });
      app.mountNode('/promise', async (_req, res) => res.end());
    });
    for (const path of ['/sent', '/timer', '/stream', '/part', '/promise'])
      expect((await fetch(path)).status, path).to.equal(200);
    expect(logs.filter(({ level }) => Number(level) >= 40)).to.deep.equal([]);
  });

  it('is a 500 when a hook has read the body', async () => {
    const { fetch, logs } = await serve((app) => {
      app.mountNode('/a', { preHandler: async (ctx) => void (await ctx.readText()) }, echo);
    });
    expect((await fetch('/a', { method: 'POST', body: 'x' })).status).to.equal(500);
    expect(JSON.stringify(logs)).to.include('let hooks read the head only');
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
});
