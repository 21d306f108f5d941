// What a mounted application and its connection are to each other: who ends it, and what becomes of a
// body, a response and an error on either side of that end.
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { PassThrough, Readable, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import type { NodeHandler } from '#src/server/handler.js';
import { until } from '#test/support/until.js';
import { latch, ManualTicker } from '../kit.js';
import { useNodeServers } from './mounted-kit.js';

const NODE = Number.parseInt(process.versions.node, 10);
const get = (path: string, fields = ''): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`;
const UPGRADE =
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

describe('the connection of a mounted application', () => {
  const serve = useNodeServers();

  it('does not let it close the server, which says so in the log', async () => {
    const { wire, logs } = await serve((app) =>
      app.mountNode('/', ({ socket }, response) => {
        (socket as unknown as { server: Server }).server.close();
        response.end('open');
      }),
    );
    for (let times = 0; times < 2; times++) {
      const client = await wire();
      expect((await client.request('GET', '/'))?.body.toString()).to.equal('open');
      client.destroy();
    }
    expect(JSON.stringify(logs)).to.include('a mounted application has called close()');
  });

  const ends: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
    'by setHeader': (response) => response.setHeader('Connection', 'close').end('all'),
    'by an object of writeHead': (response) => response.writeHead(200, { connection: 'close' }).end('all'),
    'by a list of writeHead': (response) => response.writeHead(200, ['Connection', 'close']).end('all'),
    'by shouldKeepAlive': (response) => {
      response.shouldKeepAlive = false;
      response.end('all');
    },
    'by a body without a length': (response) => {
      response.removeHeader('transfer-encoding');
      response.write('a');
      response.end('ll');
    },
    'by a body without chunks': (response) => {
      response.useChunkedEncodingByDefault = false;
      response.write('a');
      response.end('ll');
    },
  };
  for (const [how, end] of Object.entries(ends))
    it(`ends where it says so ${how}, and nothing behind that is executed`, async () => {
      let calls = 0;
      const { wire } = await serve((app) =>
        app.mountNode('/a', (_request, response) => {
          calls++;
          end(response);
        }),
      );
      const client = await wire();
      client.write(get('/a').repeat(2));
      await client.closed();
      const response = await client.response();
      expect(String(response?.body ?? '') + client.rest).to.match(/all$/);
      expect(calls).to.equal(1);
    });

  describe('with a response before the end of the body', () => {
    const PIECE = 'p'.repeat(20_000);
    const PIECES = 10;
    const readers: Readonly<Record<string, (request: IncomingMessage) => Promise<number>>> = {
      'by for await': async (request) => {
        let bytes = 0;
        for await (const piece of request) bytes += (piece as Buffer).length;
        return bytes;
      },
      'by data': async (request) => {
        let bytes = 0;
        request.on('data', (piece: Buffer) => {
          bytes += piece.length;
        });
        await once(request, 'end');
        return bytes;
      },
      'by pipe to a slow stream': async (request) => {
        let bytes = 0;
        const slow = new Writable({
          write(piece: Buffer, _encoding, done) {
            bytes += piece.length;
            setImmediate(done);
          },
        });
        await pipeline(request, slow);
        return bytes;
      },
    };
    for (const [how, read] of Object.entries(readers))
      it(`gets all of it when it reads ${how}`, async () => {
        const received = latch<number>();
        const { wire } = await serve((app) =>
          app.mountNode('/a', (request, response) => {
            response.writeHead(202).end('ok');
            void read(request).then((bytes) => received.open(bytes));
          }),
        );
        const client = await wire();
        client.write(`POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: ${PIECES * PIECE.length}\r\n\r\n`);
        expect((await client.response())?.status).to.equal(202);
        for (let n = 0; n < PIECES; n++) {
          client.write(PIECE);
          await turn();
        }
        expect(await received.opened).to.equal(PIECES * PIECE.length);
        expect((await client.request('POST', '/a', ['Content-Length: 0']))?.status).to.equal(202);
        client.destroy();
      });
  });

  it('ends what reads a body behind the response that passes the limit, and counts that once', async () => {
    const failed = latch<string>();
    const { wire, observer } = await serve((app) =>
      app.mountNode('/a', { bodyLimit: 4 }, async (request, response) => {
        response.end('early');
        try {
          for await (const piece of request) void piece;
        } catch (error) {
          failed.open((error as { code: string }).code);
        }
      }),
    );
    const client = await wire();
    client.write('POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    expect((await client.response())?.status).to.equal(200);
    for (let n = 0; n < 4; n++) {
      client.write('3\r\nabc\r\n');
      await turn();
    }
    expect(await failed.opened).to.equal('BODY_TOO_LARGE');
    expect(observer.refusals.filter((reason) => reason === 'body_too_large')).to.have.length(1);
    await client.closed();
  });

  describe('behind a response that was sent in its place', () => {
    const uses: Readonly<Record<string, (response: ServerResponse) => Promise<unknown>>> = {
      finished: (response) => finished(response),
      pipeline: (response) => pipeline(Readable.from(['late']), response),
      'pipeline from an endless source': async (response) => {
        const source = new PassThrough();
        source.write('late');
        const piped = pipeline(source, response);
        // From Node.js 24 on, this source is left open behind any response whose client has left.
        await piped.finally(() => NODE >= 24 || expect(source.destroyed).to.equal(true));
      },
    };
    for (const [name, use] of Object.entries(uses))
      for (const isLate of [false, true])
        it(`${name} fails ${isLate ? 'that is called later' : 'that waits'}`, async () => {
          const ticker = new ManualTicker();
          const [called, sent, failed] = [latch(), latch(), latch<NodeJS.ErrnoException>()];
          const { wire } = await serve(
            (app) =>
              app.mountNode('/a', { timeoutMs: 1000 }, async (_request, response) => {
                called.open();
                if (isLate || name !== 'finished') await sent.opened;
                await use(response).catch((error: NodeJS.ErrnoException) => failed.open(error));
              }),
            { ticker },
          );
          const client = await wire();
          const asked = client.request('GET', '/a');
          await called.opened;
          ticker.advance(2000);
          expect((await asked)?.status).to.equal(504);
          sent.open();
          expect((await failed.opened).code).to.be.oneOf([
            'ERR_STREAM_PREMATURE_CLOSE',
            'ERR_STREAM_DESTROYED',
            'ERR_STREAM_UNABLE_TO_PIPE',
          ]);
          client.destroy();
        });

    it('writes add no listeners', async () => {
      const ticker = new ManualTicker();
      const [called, sent, written] = [latch(), latch(), latch<number>()];
      const { fetch } = await serve(
        (app) =>
          app.mountNode('/a', { timeoutMs: 1000 }, async (_request, response) => {
            called.open();
            await sent.opened;
            for (let n = 0; n < 20; n++) response.write('late');
            written.open(response.listenerCount('drain'));
          }),
        { ticker },
      );
      const asked = fetch('/a');
      await called.opened;
      ticker.advance(2000);
      expect((await asked).status).to.equal(504);
      sent.open();
      expect(await written.opened).to.equal(0);
    });
  });

  it('is not cut by an error behind the end of the response', async () => {
    const SIZE = 8_000_000;
    const { fetch, observer, logs } = await serve((app) =>
      app.mountNode('/a', async (_request, response) => {
        response.end(Buffer.alloc(SIZE));
        await turn();
        throw new Error('behind it');
      }),
    );
    const response = await fetch('/a');
    await until(
      () => JSON.stringify(logs),
      (text) => text.includes('behind it'),
    );
    expect((await response.arrayBuffer()).byteLength).to.equal(SIZE);
    await observer.ended(1);
    expect(observer.seen[0]).to.include({ status: 200, error: undefined });
  });

  it('is refused 400 for thousands of tiny chunks that nothing reads', async () => {
    const called = latch();
    const { wire, observer } = await serve((app) =>
      app.mountNode('/a', (_request, _response) => called.open()),
    );
    const client = await wire();
    client.write('POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    await called.opened;
    client.write('1\r\nx\r\n'.repeat(65_000));
    expect((await client.response())?.status).to.equal(400);
    await observer.ended(1);
    expect(observer.refusals).to.deep.equal(['malformed_request']);
    client.destroy();
  });

  describe('that is upgraded behind a response in one packet', () => {
    const kinds: Readonly<Record<string, string>> = {
      'no body': get('/none'),
      'a byte': get('/text/1'),
      '16 KiB': get('/text/16384'),
      'more than 16 KiB': get('/text/16385'),
      'more than 64 KiB': get('/text/65537'),
      'a stream': get('/stream'),
      'the response of an application': get('/a'),
    };
    for (const [kind, first] of Object.entries(kinds))
      it(`harms nothing behind ${kind}`, async () => {
        const { wire } = await serve((app) => {
          app.get('/none', () => undefined);
          app.get('/text/:length', (ctx) => 't'.repeat(Number(ctx.params.length)));
          app.get('/stream', (ctx) => ctx.stream(Readable.from(['one', 'two'])));
          app.mountNode('/a', ((_request, response) => void response.end('all')) satisfies NodeHandler);
          app.ws('/ws', { message: (ws, data) => void ws.send(data) });
        });
        for (const second of ['CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n', get('/ws', UPGRADE)]) {
          const client = await wire();
          client.write(first + second);
          await client.response();
          await client.response();
          client.destroy();
          const next = await wire();
          expect((await next.request('GET', '/text/3'))?.body.toString()).to.equal('ttt');
          next.destroy();
        }
      });
  });

  describe('in memory', () => {
    it('has a socket with the members that applications use', async () => {
      const { inject } = await serve((app) =>
        app.mountNode('/a', (request, response) => {
          const { socket } = request;
          socket.setTimeout(0).setNoDelay(true).setKeepAlive(true).ref().unref();
          request.setTimeout(0);
          response.setTimeout(0);
          const { remotePort, remoteFamily, localAddress, bytesRead } = socket;
          const values = [remotePort, remoteFamily, localAddress, bytesRead, socket.address()];
          response.end(String(values.every((value) => value !== undefined)));
        }),
      );
      const response = await inject({ method: 'GET', url: '/a' });
      expect([response.status, response.text()]).to.deep.equal([200, 'true']);
    });

    const broken: Readonly<Record<string, NodeHandler>> = {
      'destroys its socket in the middle': (_request, response) => {
        response.write('x');
        response.socket?.destroy();
      },
      'destroys the response before a byte': (_request, response) => void response.destroy(),
      'sends less than it has announced': (_request, response) =>
        void response.setHeader('content-length', 10).end('short'),
    };
    for (const [what, application] of Object.entries(broken))
      it(`ends when the application ${what}`, async () => {
        const { inject, app, quotas } = await serve((demo) => demo.mountNode('/a', application));
        await inject({ method: 'GET', url: '/a' }).then(
          ({ status }) => expect(status).to.be.at.least(200),
          () => undefined,
        );
        await until(
          () => app.inFlight + quotas.streams.held,
          (held) => held === 0,
        );
      });

    it('emits close once at its deadline', async () => {
      const ticker = new ManualTicker();
      const called = latch();
      let closed = 0;
      const { inject } = await serve(
        (app) =>
          app.mountNode('/a', { timeoutMs: 1000 }, (_request, response) => {
            response.on('close', () => closed++);
            called.open();
          }),
        { ticker },
      );
      const asked = inject({ method: 'GET', url: '/a' });
      await called.opened;
      ticker.advance(2000);
      expect((await asked).status).to.equal(504);
      for (let turns = 0; turns < 10; turns++) await turn();
      expect(closed).to.equal(1);
    });
  });
});
