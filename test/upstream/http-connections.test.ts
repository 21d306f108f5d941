// The connections that calls over HTTP open, seen from the endpoint.
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError } from '#src/errors.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { UnreachedError, UnsentError } from '#src/upstream/transport-errors.js';
import { judgeError } from '#src/upstream/verdict.js';
import { until } from '#test/support/until.js';
import { endpoint } from './endpoints.js';
import { RealUpstreams } from './real-upstreams.js';

const CALLS = 20;

describe('connections of calls over HTTP', () => {
  const upstreams = new RealUpstreams();
  let transport: HttpTransport;

  beforeEach(() => {
    transport = new HttpTransport();
  });
  afterEach(async () => {
    await transport.close();
    await upstreams.close();
  });

  const deadline = Deadline.after(30_000);
  const kinds: Readonly<Record<string, (port: number, abort: OwnAbort, path: string) => Promise<unknown>>> = {
    'a call': (port, abort, path) => {
      const { signal } = new AbortController();
      const request = { method: 'GET', path, headers: {}, body: undefined, deadline, signal, abort };
      return transport.send(endpoint('i1', { port }), request);
    },
    'a streamed call': (port, abort, path) =>
      transport.stream(endpoint('i1', { port }), {
        ...{ method: 'GET', path, headers: [], body: undefined, deadline, abort },
      }),
  };

  for (const [kind, send] of Object.entries(kinds)) {
    it(`are one for ${kind} that is aborted, which is closed`, async () => {
      let connections = 0;
      let arrived = 0;
      const server = createServer((request, response) => {
        if (request.url === '/next') response.end('x');
        else arrived++;
      });
      server.on('connection', () => connections++);
      const port = await upstreams.listen(server);
      const aborts = Array.from({ length: CALLS }, () => new OwnAbort());
      const calls = aborts.map((abort) => send(port, abort, '/hang').catch((reason: unknown) => reason));
      await until(
        () => arrived,
        (count) => count === CALLS,
      );
      for (const abort of aborts) abort.abort('left');
      expect(new Set(await Promise.all(calls))).to.deep.equal(new Set(['left']));
      await until(
        () => upstreams.sockets.size,
        (open) => open === 0,
      );
      // It would use one that was opened for an aborted call.
      await send(port, new OwnAbort(), '/next');
      expect(connections).to.equal(CALLS + 1);
    });
  }

  describe('over TLS to what does not complete the handshake', () => {
    const endings: Readonly<Record<string, readonly [end: (socket: Socket) => void, words: RegExp]>> = {
      'speaks plain HTTP': [
        (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
        /does not speak TLS \(ERR_SSL_WRONG_VERSION_NUMBER\): /,
      ],
      'closes the connection': [
        (socket) => socket.end(),
        /did not complete the TLS handshake \(ECONNRESET\)\.$/,
      ],
      'resets the connection': [
        (socket) => socket.resetAndDestroy(),
        /did not complete the TLS handshake \(ECONNRESET\)\.$/,
      ],
    };
    for (const [ending, [end, words]] of Object.entries(endings)) {
      it(`send nothing when it ${ending}, so any request may be repeated`, async () => {
        const port = await upstreams.serveRaw(end);
        const { signal } = new AbortController();
        const to = endpoint('i1', { port, metadata: { scheme: 'https' } });
        const request = { method: 'POST', path: '/', headers: {}, body: 'x', deadline, signal };
        const error = await transport.send(to, request).catch((reason: unknown) => reason);
        expect(error).to.be.instanceOf(UnreachedError).and.include({ notExecuted: true });
        expect((error as Error).message).to.match(words);
        expect(judgeError(error, signal)).to.include({ mayRepeat: true, hasNotRun: true });
      });
    }
  });

  describe('of which there are too few', () => {
    /** The transport of services whose option `connections` is 1 for orders, and 2 by default. */
    const limited = () =>
      new HttpTransport({
        connections: 2,
        connectionsOf: (service) => (service === 'orders' ? 1 : undefined),
      });

    it('are as many as the option of the service admits, and further calls wait and are counted', async () => {
      transport = limited();
      const held: (() => void)[] = [];
      const port = await upstreams.serve((_request, response) => void held.push(() => response.end('x')));
      for (const [service, connections] of [
        ['orders', 1],
        ['users', 2],
      ] as const) {
        const abort = new OwnAbort();
        const to = endpoint('i1', { port, service });
        const calls = Array.from({ length: 5 }, () => {
          const request = { method: 'GET', path: '/', headers: {}, body: undefined };
          return transport.send(to, { ...request, deadline, signal: abort.signal, abort });
        });
        await until(
          () => held.length,
          (count) => count === connections,
        );
        expect(transport.waiting).to.equal(5 - connections);
        const ended = Promise.all(calls);
        for (let left = 5; left > 0; left--) {
          await until(
            () => held.length,
            (count) => count > 0,
          );
          held.shift()!();
        }
        await ended;
        expect(transport.waiting).to.equal(0);
      }
    });

    it('end a call at its deadline with the limit, and how to raise it', async () => {
      transport = limited();
      const port = await upstreams.serve(() => undefined);
      const abort = new OwnAbort();
      const request = { method: 'GET', path: '/', headers: {}, body: undefined, signal: abort.signal, abort };
      const calls = [Deadline.after(30_000), Deadline.after(0)].map((due) =>
        transport
          .send(endpoint('i1', { port }), { ...request, deadline: due })
          .catch((reason: unknown) => reason),
      );
      abort.abort(new DeadlineExceededError());
      const error = (await Promise.all(calls))[1] as Error;
      expect(error).to.be.instanceOf(UnsentError);
      expect(error.message).to.equal(
        'The call was not sent: until its deadline was near, the 1 connections of this worker to instance i1 of ' +
          'orders were in use; the option connections of upstreams.orders admits more.',
      );
      expect(transport.waiting).to.equal(0);
    });

    it('leave no call waiting when its caller leaves, or the transport is closed', async () => {
      const leave = async (abort: OwnAbort) => abort.abort('left');
      for (const end of [leave, () => transport.close()]) {
        transport = limited();
        const port = await upstreams.serve(() => undefined);
        const abort = new OwnAbort();
        const request = { method: 'GET', path: '/', headers: {}, body: undefined, deadline };
        const calls = Array.from({ length: 3 }, () =>
          transport
            .send(endpoint('i1', { port }), { ...request, signal: abort.signal, abort })
            .catch((reason: unknown) => reason),
        );
        expect(transport.waiting).to.equal(2);
        await end(abort);
        await Promise.all(calls);
        expect(transport.waiting).to.equal(0);
        await transport.close();
      }
    });
  });
});
