// Requests with bodies behind unfinished ones on the same connection: each has its response, in order, and
// what waits is bounded by the connection, not by what its client sends.
import { mkdtempSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Application } from '#src/server/handler.js';
import { makeCertificate, needsOpenssl, type TestCertificate } from '#test/support/certificate.js';
import type { Wire } from '#test/support/wire.js';
import { latch } from '../kit.js';
import { echo, useNodeServers } from './mounted-kit.js';

const LARGE = 'l'.repeat(70_000);
const HUGE = 'h'.repeat(4_000_000);
/** Fewer than a flood has. */
const PIECES = 1000;
/** More than are read of a request that waits. */
const MOST_SENT = 200;

const headOf = (path: string, ...fields: string[]): string =>
  `${[`POST ${path} HTTP/1.1`, 'Host: x', ...fields].join('\r\n')}\r\n\r\n`;
const post = (path: string, body: string): string =>
  `${headOf(path, `Content-Length: ${body.length}`)}${body}`;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What a client writes, in how many parts. */
const PARTS = [1, 5, 40] as const;

/** Responses behind which requests wait. */
const FIRST: readonly string[] = ['/large', '/huge', '/echo', '/mounted/large', '/mounted/huge', '/mounted'];
const NEXT: readonly string[] = ['/echo', '/mounted'];

function routes(app: Application): void {
  app.post('/large', () => LARGE);
  app.post('/huge', () => HUGE);
  app.post('/echo', (ctx) => ctx.readText());
  app.mountNode('/mounted', (request, response) => {
    if (request.url === '/large') response.end(LARGE);
    else if (request.url === '/huge') response.end(HUGE);
    else echo(request, response);
  });
}

/** What the first request and its response get from the test. */
interface First {
  readonly socket: Socket;
  readonly response: ServerResponse;
}

for (const isSecure of [false, true])
  describe(`requests with bodies that wait, ${isSecure ? 'over TLS' : 'without TLS'}`, () => {
    const serve = useNodeServers(() => certificate);
    let folder: string;
    let certificate: TestCertificate | undefined;

    before(function () {
      if (!isSecure) return;
      needsOpenssl(this);
      folder = mkdtempSync(join(tmpdir(), 'multilane-pipelined-'));
      certificate = makeCertificate(folder, 'server');
    });
    after(() => isSecure && rmSync(folder, { recursive: true, force: true }));

    for (const first of FIRST)
      for (const next of NEXT)
        for (const parts of PARTS)
          it(`have responses behind ${first}: two of ${next} in ${parts} parts`, async () => {
            const { wire: open } = await serve(routes);
            const wire = await open();
            const bodies = ['abc', 'def', LARGE];
            const raw = [first, next, next].map((path, i) => post(path, bodies[i]!)).join('');
            const size = Math.ceil(raw.length / parts);
            for (let at = 0; at < raw.length; at += size) {
              wire.write(raw.slice(at, at + size));
              await turn();
            }
            const expected = [
              first.endsWith('/large') ? LARGE : first.endsWith('/huge') ? HUGE : bodies[0],
              bodies[1],
              LARGE,
            ];
            for (const body of expected) {
              const response = await wire.response();
              expect([response?.status, response?.closes]).to.deep.equal([200, false]);
              expect(response?.body.toString() === body).to.equal(true);
            }
            expect((await wire.request('POST', '/echo', [], 'again'))?.body.toString()).to.equal('again');
            wire.destroy();
          });

    /** Sends a request whose response is left to the test, and another text behind it. */
    async function behind(text: string): Promise<First & { wire: Wire; logs: readonly unknown[] }> {
      const began = latch<First>();
      const { wire: open, logs } = await serve((app) => {
        routes(app);
        app.mountNode('/first', ({ socket }, response) => began.open({ socket, response }));
      });
      const wire = await open();
      wire.write(post('/first', '') + text);
      return { ...(await began.opened), wire, logs };
    }

    /** Waits until the server has read nothing for many turns. @returns how many bytes it has read */
    async function settledAt(socket: Socket): Promise<number> {
      let bytes = -1;
      for (let quiet = 0; quiet < 50; quiet++) {
        if (socket.bytesRead !== bytes) quiet = 0;
        bytes = socket.bytesRead;
        await turn();
      }
      return bytes;
    }

    const waitingKinds = NEXT.flatMap((path) => [
      {
        name: `of known length, of ${path}`,
        head: headOf(path, `Content-Length: ${PIECES}`),
        piece: 'x',
        end: '',
      },
      {
        name: `in chunks, of ${path}`,
        head: headOf(path, 'Transfer-Encoding: chunked'),
        piece: '1\r\nx\r\n',
        end: '0\r\n\r\n',
      },
    ]);
    for (const { name, head, piece, end } of waitingKinds)
      it(`leave the rest of their bodies in the kernel: ${name}`, async () => {
        const { socket, response, wire } = await behind(head + piece);
        let read = 0;
        let sent = 1;
        do {
          const before = await settledAt(socket);
          wire.write(piece);
          sent++;
          read = (await settledAt(socket)) - before;
        } while (read > 0 && sent < PIECES);
        expect(sent).to.be.below(MOST_SENT);
        wire.write(piece.repeat(PIECES - sent) + end);
        response.end('first');
        expect((await wire.response())?.body.toString()).to.equal('first');
        expect((await wire.response())?.body.toString() === 'x'.repeat(PIECES)).to.equal(true);
        wire.destroy();
      });

    for (const path of NEXT)
      it(`are refused in their turn when they come in thousands of tiny chunks: ${path}`, async () => {
        const flood = headOf(path, 'Transfer-Encoding: chunked') + '1\r\nx\r\n'.repeat(10_000);
        const { socket, response, wire, logs } = await behind(flood);
        await settledAt(socket);
        response.end('first');
        expect((await wire.response())?.body.toString()).to.equal('first');
        expect(await wire.response()).to.include({ status: 400, closes: true });
        expect(logs).to.deep.equal([]);
        wire.destroy();
      });

    it('do not keep the response that ends the connection from its client', async () => {
      const { socket, response, wire } = await behind(`${headOf('/echo', 'Content-Length: 9000000')}x`);
      await settledAt(socket);
      response.setHeader('connection', 'close');
      response.end(HUGE);
      for (let n = 0; n < 100; n++) wire.write(LARGE);
      expect((await wire.response())?.body.length).to.equal(HUGE.length);
      await wire.closed();
      expect(wire.fault).to.equal(undefined);
    });
  });
