// What the response of a mounted application holds of the process, and when that is released.
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { DeadlineExceededError } from '#src/errors.js';
import type { NodeHandler } from '#src/server/handler.js';
import { deafClient } from '#test/support/deaf-client.js';
import { until } from '#test/support/until.js';
import { latch, ManualTicker } from '../kit.js';
import { codeOf, useNodeServers } from './mounted-kit.js';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

describe('the response of a mounted application', () => {
  const serve = useNodeServers();

  describe('in pieces', () => {
    const open: NodeHandler = (_request, response) => void response.write('one');

    it('is one of the open streams', async () => {
      const { fetch, refused } = await serve((app) => app.mountNode('/a', open), {
        quotas: { streams: [1, 1] },
      });
      const first = await fetch('/a');
      expect(first.status).to.equal(200);
      const second = await fetch('/a');
      expect([second.status, await codeOf(second)]).to.deep.equal([503, 'OVERLOADED']);
      expect(refused).to.deep.equal(['streams']);
      await first.body?.cancel();
      await until(
        async () => (await fetch('/a')).status,
        (status) => status === 200,
      );
    });

    const announced: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
      'by setHeader': (response) => response.setHeader('content-length', 4),
      'by an object of writeHead': (response) => response.writeHead(200, { 'content-length': '4' }),
      'by a list of writeHead': (response) => response.writeHead(200, ['content-length', '4']),
    };
    for (const [how, announce] of Object.entries(announced))
      it(`is none where it is short and its length is announced ${how}`, async () => {
        const over = latch();
        const { fetch, quotas } = await serve(
          (app) => {
            app.mountNode('/open', open);
            app.mountNode('/parts', async (_request, response) => {
              announce(response);
              response.write('all');
              await over.opened;
              response.end('!');
            });
          },
          { quotas: { streams: [1, 1] } },
        );
        const stream = await fetch('/open');
        const short = await fetch('/parts');
        expect([short.status, quotas.streams.held]).to.deep.equal([200, 1]);
        over.open();
        expect(await short.text()).to.equal('all!');
        await stream.body?.cancel();
      });

    it('becomes one at its deadline, or is cut', async () => {
      const ticker = new ManualTicker();
      const { fetch, quotas, observer } = await serve(
        (app) =>
          app.mountNode('/parts', { timeoutMs: 1000 }, (_request, response) => {
            response.setHeader('content-length', 4);
            response.write('all');
          }),
        { ticker, quotas: { streams: [1, 1] } },
      );
      const both = [await fetch('/parts'), await fetch('/parts')];
      expect(quotas.streams.held).to.equal(0);
      ticker.advance(2000);
      await observer.ended(1);
      expect(quotas.streams.held).to.equal(1);
      expect(observer.seen[0]).to.include({ status: 503, error: 'OVERLOADED' });
      for (const { body } of both) await body?.cancel().catch(() => undefined);
      await until(
        () => quotas.streams.held,
        (held) => held === 0,
      );
    });
  });

  describe('that its client does not read', () => {
    const BYTES = 6_000_000;
    const large: Readonly<Record<string, (response: ServerResponse) => void>> = {
      whole: (response) => void response.end(Buffer.alloc(BYTES)),
      'as a text': (response) => void response.end('t'.repeat(BYTES)),
      'in one piece': (response) => void response.write(Buffer.alloc(BYTES)),
      'in small pieces at once': (response) => {
        for (let i = 0; i < 600; i++) response.write('t'.repeat(BYTES / 600));
      },
    };
    for (const [how, respond] of Object.entries(large))
      it(`holds its bytes, ${how}, within the bound of one address`, async () => {
        const { url, fetch, quotas, server, world, observer } = await serve(
          (app) => {
            app.mountNode('/large', (_request, response) => respond(response));
            app.mountNode('/small', (_request, response) => void response.end('small'));
          },
          { quotas: { bodyBytes: [30_000_000, 15_000_000] } },
        );
        world.permits = 5;
        const port = Number(new URL(url).port);
        const clients = await Promise.all(Array.from({ length: 5 }, () => deafClient(port, get('/large'))));
        await until(
          () => quotas.bodyBytes.held,
          (held) => held > 8_000_000,
        );
        // At least two of five have no room.
        await observer.ended(2);
        expect(quotas.bodyBytes.held).to.be.at.most(15_000_000);
        expect(observer.seen[0]).to.include({ status: 503, error: 'OVERLOADED' });
        expect(await (await fetch('/small')).text()).to.equal('small');
        // What is left is up to the clients: no permit is held for them.
        expect(world.permits).to.equal(5);
        for (const client of clients) client.destroy();
        await until(
          () => server.connections + quotas.bodyBytes.held,
          (held) => held <= 1,
        );
        expect(quotas.bodyBytes.held).to.equal(0);
      });

    const endless: typeof large = {
      ...large,
      piped: (response) =>
        void Readable.from(Array.from({ length: 600 }, () => Buffer.alloc(BYTES / 600))).pipe(response),
      'in pieces without an end': function more(response) {
        while (response.write(Buffer.alloc(10_000)));
        response.once('drain', () => more(response));
      },
    };
    for (const [how, respond] of Object.entries(endless))
      it(`is cut when its client takes nothing for STREAM_IDLE_MS, ${how}`, async () => {
        const ticker = new ManualTicker();
        const begun = latch();
        const { url, server, quotas } = await serve(
          (app) =>
            app.mountNode('/large', { timeoutMs: 3_600_000 }, (_request, response) => {
              respond(response);
              begun.open();
            }),
          { ticker },
        );
        const client = await deafClient(Number(new URL(url).port), get('/large'));
        await begun.opened;
        await until(
          () => {
            ticker.advance(61_000);
            return server.connections + quotas.bodyBytes.held + quotas.streams.held;
          },
          (held) => held === 0,
        );
        client.destroy();
      });

    it('releases its bytes when they are read, although the response goes on', async () => {
      const over = latch();
      const { fetch, quotas } = await serve((app) =>
        app.mountNode('/large', async (_request, response) => {
          response.write(Buffer.alloc(BYTES));
          await over.opened;
          response.end();
        }),
      );
      const reader = (await fetch('/large')).body!.getReader();
      for (let bytes = 0; bytes < BYTES; ) bytes += (await reader.read()).value?.length ?? 0;
      await until(
        () => quotas.bodyBytes.held,
        (held) => held === 0,
      );
      over.open();
      expect((await reader.read()).done).to.equal(true);
    });
  });

  it('whose body is under way is one of the pending bodies, within the share of one address', async () => {
    const called = [latch(), latch()];
    const { wire, fetch, quotas, refused } = await serve(
      (app) =>
        app.mountNode('/a', (request, response) => {
          if (request.method === 'GET') {
            response.end('all');
            return;
          }
          called.shift()?.open();
          request.resume().on('end', () => response.end('read'));
        }),
      { quotas: { bodies: [10, 1] } },
    );
    const [first, second] = [await wire(), await wire()];
    const [begun, refusedThen] = called;
    first.write('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab');
    await begun!.opened;
    await until(
      () => quotas.bodies.held,
      (held) => held === 1,
    );
    second.write('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab');
    await refusedThen!.opened;
    expect((await second.response())?.status).to.equal(503);
    expect(refused).to.deep.equal(['bodies']);
    expect((await fetch('/a')).status).to.equal(200);
    first.write('cde');
    expect((await first.response())?.body.toString()).to.equal('read');
    await until(
      () => quotas.bodies.held,
      (held) => held === 0,
    );
    first.destroy();
    second.destroy();
  });

  describe('of an application that does what it should not', () => {
    const removes: Readonly<Record<string, NodeHandler>> = {
      request: (request) => void request.removeAllListeners(),
      response: (_request, response) => void response.removeAllListeners(),
      socket: ({ socket }) => void socket.removeAllListeners('close').removeAllListeners('end'),
    };
    for (const [what, remove] of Object.entries(removes)) {
      it(`is released when it has removed the listeners of its ${what}, and responds`, async () => {
        const { wire, app, server } = await serve((demo) =>
          demo.mountNode('/a', (request, response) => {
            remove(request, response);
            response.end('all');
          }),
        );
        const client = await wire();
        expect(await client.request('GET', '/a')).to.include({ status: 200 });
        await until(
          () => app.inFlight + server.unfinished,
          (count) => count === 0,
        );
        client.destroy();
        await until(
          () => server.connections,
          (count) => count === 0,
        );
      });

      it(`is released when it has removed the listeners of its ${what}, and its client leaves`, async () => {
        const called = latch();
        const { wire, app, server } = await serve((demo) =>
          demo.mountNode('/a', (request, response) => {
            remove(request, response);
            called.open();
          }),
        );
        const client = await wire();
        client.write(get('/a'));
        await called.opened;
        client.destroy();
        if (what === 'socket') app.abandon(new DeadlineExceededError()); // nothing reports that it has left
        await until(
          () => app.inFlight + server.unfinished + server.connections,
          (count) => count === 0,
        );
      });
    }

    for (const [when, begin] of Object.entries({
      'before its head': () => undefined,
      'and writes its head then': (response: ServerResponse) => response.flushHeaders(),
    }))
      it(`is 504 at its deadline when it has detached the socket ${when}`, async () => {
        const ticker = new ManualTicker();
        const called = latch();
        const { fetch, logs } = await serve(
          (app) =>
            app.mountNode('/a', { timeoutMs: 1000 }, ({ socket }, response) => {
              response.detachSocket(socket);
              begin(response);
              called.open();
            }),
          { ticker },
        );
        const asked = fetch('/a');
        await called.opened;
        ticker.advance(2000);
        expect((await asked).status).to.equal(504);
        expect(logs.filter(({ level }) => level === 'error')).to.deep.equal([]);
      });

    it('stays the 504 that was sent when a listener of its end throws', async () => {
      const ticker = new ManualTicker();
      const called = latch();
      const { fetch, logs, observer } = await serve(
        (app) =>
          app.mountNode('/a', { timeoutMs: 1000 }, (_request, response) => {
            response.on('close', () => {
              throw new Error('no end');
            });
            called.open();
          }),
        { ticker },
      );
      const asked = fetch('/a');
      await called.opened;
      ticker.advance(2000);
      expect((await asked).status).to.equal(504);
      await until(
        () => JSON.stringify(logs),
        (text) => text.includes('no end'),
      );
      expect(observer.seen).to.have.length(1);
      expect(observer.seen[0]).to.include({ status: 504, error: 'DEADLINE_EXCEEDED' });
    });

    it('may have objects that are made from it, as in Node.js', async () => {
      const { fetch } = await serve((app) =>
        app.mountNode('/a', (_request, response) => {
          const made = Object.create(response) as ServerResponse;
          made.setHeader('x-made', '1');
          made.writeHead(201);
          response.end('all');
        }),
      );
      const response = await fetch('/a');
      expect([response.status, response.headers.get('x-made'), await response.text()]).to.deep.equal([
        200,
        null,
        'all',
      ]);
    });
  });
});
