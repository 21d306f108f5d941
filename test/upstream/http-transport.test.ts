// The HTTP transport over real sockets, with correct and with faulty upstreams.
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, Socket } from 'node:net';
import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError, HttpError } from '#src/errors.js';
import { cancelAt } from '#src/resilience/cancellation.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import type { OutgoingRequest } from '#src/upstream/transport.js';
import { DisplacedError, UnreachedError, UnsentError } from '#src/upstream/transport-errors.js';
import { judgeError } from '#src/upstream/verdict.js';
import { canLimitFiles, withoutFiles } from '#test/support/open-files.js';
import { until } from '#test/support/until.js';
import { endpoint } from './endpoints.js';
import { RealUpstreams } from './real-upstreams.js';

describe('the HTTP transport', () => {
  const upstreams = new RealUpstreams();
  const transports: HttpTransport[] = [];

  const serve = (listener: RequestListener): Promise<number> => upstreams.serve(listener);
  /** Sends these bytes for every request, and keeps the connection. */
  const serveRaw = (bytes: string): Promise<number> =>
    upstreams.serveRaw((socket) => void socket.write(bytes));

  function transport(options = {}): HttpTransport {
    const made = new HttpTransport(options);
    transports.push(made);
    return made;
  }

  function requestOf(members: Partial<OutgoingRequest> = {}): OutgoingRequest {
    const deadline = members.deadline ?? Deadline.after(10_000);
    const signal = members.signal ?? new AbortController().signal;
    return { method: 'GET', path: '/', headers: {}, body: undefined, ...members, deadline, signal };
  }

  const send = (port: number, members: Partial<OutgoingRequest> = {}, over = transport()) =>
    over.send(endpoint('i1', { port }), requestOf(members));

  async function failureOf(promise: Promise<unknown>): Promise<HttpError> {
    const error = await promise.then(
      () => expect.fail('a response was accepted'),
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(HttpError);
    return error as HttpError;
  }

  afterEach(async () => {
    await Promise.all(transports.splice(0).map((each) => each.close()));
    await upstreams.close();
  });

  it('sends method, path, header fields and body, and returns status, header fields and body', async () => {
    let seen: unknown;
    const port = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () => {
          const { method, url, headers } = request;
          seen = { method, url, key: headers['idempotency-key'], body: Buffer.concat(chunks).toString() };
          response.writeHead(201, { 'x-price': '3', 'content-type': 'application/json' });
          response.end('{"ok":true}');
        });
    });
    const response = await send(port, {
      method: 'POST',
      path: '/items?a=1',
      headers: { 'idempotency-key': 'k1' },
      body: '{"n":1}',
    });
    expect(seen).to.deep.equal({ method: 'POST', url: '/items?a=1', key: 'k1', body: '{"n":1}' });
    expect(response.status).to.equal(201);
    expect(response.headers['x-price']).to.equal('3');
    expect(response.json()).to.deep.equal({ ok: true });
    expect(response.json()).not.to.equal(response.json());
    expect(response.bytes()).not.to.equal(response.bytes());
  });

  it('resolves with a response of any status, and follows no redirect', async () => {
    const port = await serve((request, response) => {
      response.writeHead(Number(request.url!.slice(1)), { location: 'http://169.254.169.254/' }).end('x');
    });
    const over = transport();
    for (const status of [302, 404, 500, 503]) {
      expect((await send(port, { path: `/${status}` }, over)).status).to.equal(status);
    }
  });

  it('removes fields of the connection, and those that Connection names', async () => {
    const port = await serve((_request, response) => {
      response.writeHead(200, {
        connection: 'keep-alive, X-Hop',
        'x-hop': '1',
        'x-end': '2',
        'set-cookie': ['a=1', 'b=2'],
      });
      response.end();
    });
    const { headers } = await send(port);
    expect(headers).to.include({ 'x-end': '2', 'set-cookie': 'a=1\nb=2' });
    expect(headers).not.to.have.any.keys('x-hop', 'connection', 'keep-alive', 'transfer-encoding');
    expect(Object.getPrototypeOf(headers)).to.equal(null);
  });

  it('reuses connections', async () => {
    const port = await serve((_request, response) => response.end('x'));
    const over = transport();
    for (let i = 0; i < 20; i++) await send(port, {}, over);
    // The next call may begin before the connection of the last one is free again.
    expect(upstreams.sockets.size).to.be.at.most(2);
  });

  it('rejects with BAD_UPSTREAM when no server listens', async () => {
    const server = createTcpServer();
    const port = await upstreams.listen(server);
    server.close();
    const error = await failureOf(send(port));
    expect(error).to.include({
      code: 'BAD_UPSTREAM',
      status: 502,
      message: 'Instance i1 of orders cannot be reached.',
      notExecuted: true,
    });
  });

  it('does not take a route that fails during a request for one that could not be connected', async () => {
    for (const code of ['EHOSTUNREACH', 'ENETUNREACH', 'ECONNREFUSED', 'ETIMEDOUT']) {
      const port = await upstreams.listen(createTcpServer((socket) => void socket.resume()));
      const over = transport();
      const connect = Object.getOwnPropertyDescriptor(Socket.prototype, 'connect')!;
      const opened: Socket[] = [];
      Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
        opened.push(this);
        return (connect.value as (...given: unknown[]) => Socket).apply(this, args);
      } as Socket['connect'];
      const sent = failureOf(send(port, { method: 'POST', body: 'x' }, over));
      Object.defineProperty(Socket.prototype, 'connect', connect);
      await until(
        () => opened[0]?.bytesWritten ?? 0,
        (bytes) => bytes > 0,
      );
      opened[0]!.destroy(Object.assign(new Error(code), { code, syscall: 'read' }));
      const error = await sent;
      expect(error.code, code).to.equal('BAD_UPSTREAM');
      expect(error, code).not.to.have.property('notExecuted');
    }
  });

  it('waits for a connection for a part of its time only, so that another instance can be called', async () => {
    const over = transport();
    const connect = Object.getOwnPropertyDescriptor(Socket.prototype, 'connect')!;
    Socket.prototype.connect = function (this: Socket) {
      return this;
    } as Socket['connect'];
    const deadline = Deadline.after(1_200);
    const error = await failureOf(send(1, { deadline }, over)).finally(() => {
      Object.defineProperty(Socket.prototype, 'connect', connect);
    });
    expect(error).to.be.instanceOf(UnreachedError);
    expect(error.message).to.include('did not accept the connection in time');
    expect(deadline.remainingMs()).to.be.above(0);
  });

  it('gets a connection that was made while its own thread was busy for longer than it may take', async () => {
    const port = await serve((_request, response) => response.end());
    const over = transport();
    // A third of the time is left to the connection.
    const response = send(port, { deadline: Deadline.after(3_000) }, over);
    const end = performance.now() + 1_500;
    while (performance.now() < end);
    expect((await response).status).to.equal(200);
  });

  it('counts for ejection alone when this machine has no port for a connection, and may be repeated', async () => {
    for (const code of ['EADDRNOTAVAIL', 'EPERM', 'EACCES']) {
      const over = transport();
      const connect = Object.getOwnPropertyDescriptor(Socket.prototype, 'connect')!;
      Socket.prototype.connect = function (this: Socket) {
        process.nextTick(() => this.destroy(Object.assign(new Error(code), { code, syscall: 'connect' })));
        return this;
      } as Socket['connect'];
      const error = await failureOf(send(1, {}, over)).finally(() => {
        Object.defineProperty(Socket.prototype, 'connect', connect);
      });
      expect(error).to.include({ code: 'OVERLOADED', notExecuted: true });
      expect(judgeError(error, new AbortController().signal)).to.include({
        outcome: 'ignored',
        reached: 'failure',
        mayRepeat: true,
        hasNotRun: true,
      });
    }
  });

  it('rejects with BAD_UPSTREAM when the connection is reset before, within or after the header', async () => {
    for (const bytes of [
      '',
      'HTTP/1.1 200 OK\r\nContent-',
      'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf',
    ]) {
      const port = await upstreams.listen(
        createTcpServer((socket) => {
          socket.once('data', () => socket.write(bytes, () => socket.resetAndDestroy()));
        }),
      );
      const error = await failureOf(send(port));
      expect(error.code, JSON.stringify(bytes)).to.equal('BAD_UPSTREAM');
      // It is not known whether the request was executed.
      expect(error).not.to.have.property('notExecuted');
    }
  });

  it('rejects with BAD_UPSTREAM for a response longer than is accepted, announced or not, and stops reading', async () => {
    let written = 0;
    const port = await serve((request, response) => {
      if (request.url === '/announced') response.setHeader('content-length', 100_000_000);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1024))) written += 64 * 1024;
      };
      response.on('drain', more);
      more();
    });
    for (const path of ['/announced', '/endless']) {
      const error = await failureOf(send(port, { path }, transport({ maxResponseBytes: 1_000_000 })));
      expect(error).to.include({
        code: 'BAD_UPSTREAM',
        message: 'Instance i1 of orders sent a longer response than is accepted.',
      });
    }
    expect(written).to.be.lessThan(50_000_000);
  });

  it('rejects at the deadline when the upstream sends no header', async () => {
    const port = await serve(() => undefined);
    const deadline = Deadline.after(30);
    const { signal } = cancelAt(deadline);
    expect(await failureOf(send(port, { deadline, signal }))).to.be.instanceOf(DeadlineExceededError);
  });

  it('rejects at the deadline when the upstream does not finish the body', async () => {
    const port = await serve((_request, response) => void response.writeHead(200).write('half'));
    const deadline = Deadline.after(50);
    const { signal } = cancelAt(deadline);
    expect(await failureOf(send(port, { deadline, signal }))).to.be.instanceOf(DeadlineExceededError);
  });

  it('closes the connection when the caller leaves, so that the upstream can stop', async () => {
    const arrived = deferred();
    const left = deferred();
    const port = await serve((request) => {
      arrived.resolve(undefined);
      request.on('close', () => left.resolve(undefined));
    });
    const controller = new AbortController();
    const call = send(port, { signal: controller.signal });
    await arrived.promise;
    controller.abort(new Error('left'));
    const error = await call.catch((reason: unknown) => reason);
    expect(error).to.have.property('message', 'left');
    await left.promise;
  });

  it('rejects when the caller leaves while the request waits for a connection, and never sends it', async () => {
    const urls: (string | undefined)[] = [];
    const arrived = deferred();
    const answered = deferred();
    const port = await serve((request, response) => {
      urls.push(request.url);
      arrived.resolve(undefined);
      void answered.promise.then(() => response.end('x'));
    });
    const over = transport({ connections: 1 });
    const first = send(port, { path: '/first' }, over);
    await arrived.promise;
    const controller = new AbortController();
    const waiting = send(port, { path: '/waiting', signal: controller.signal }, over);
    controller.abort(new Error('left'));
    const error = await waiting.catch((reason: unknown) => reason);
    expect(error).to.have.property('message', 'left');
    answered.resolve(undefined);
    await first;
    await send(port, { path: '/last' }, over);
    expect(urls).to.deep.equal(['/first', '/last']);
  });

  it('tells the end of a request that had no connection in time from that of one which was sent', async () => {
    const arrived = deferred();
    const port = await serve(() => arrived.resolve(undefined));
    const over = transport({ connections: 1 });
    const until = (controller: AbortController, ms: number): Partial<OutgoingRequest> => {
      setTimeout(() => controller.abort(new DeadlineExceededError()), ms);
      return { signal: controller.signal, deadline: Deadline.after(ms) };
    };
    const first = failureOf(send(port, { path: '/first', ...until(new AbortController(), 60) }, over));
    await arrived.promise;
    const unsent = failureOf(send(port, { path: '/waiting', ...until(new AbortController(), 30) }, over));
    const late = failureOf(send(port, { path: '/late', ...until(new AbortController(), 90) }, over));
    const waiting = requestOf({ path: '/waits', signal: AbortSignal.timeout(10) });
    expect(
      (await over.send(endpoint('i1', { port }), waiting).catch((error: unknown) => error)) as Error,
    ).to.include({
      name: 'TimeoutError',
    });
    expect(waiting.isWaiting).to.equal(true);
    expect(await first).not.to.be.instanceOf(UnsentError);
    for (const error of [await unsent, await late]) {
      expect(error).to.be.instanceOf(UnsentError);
      expect(error.code).to.equal('DEADLINE_EXCEEDED');
    }
  });

  it('forgets what was aborted while it waited: a thousand such requests cost no connection', async () => {
    const urls: (string | undefined)[] = [];
    const arrived = deferred();
    const answered = deferred();
    let connections = 0;
    const server = createServer((request, response) => {
      urls.push(request.url);
      arrived.resolve(undefined);
      void answered.promise.then(() => response.end('x'));
    });
    server.on('connection', () => connections++);
    const port = await upstreams.listen(server);
    const over = transport({ connections: 1 });
    const first = send(port, { path: '/first' }, over);
    await arrived.promise;
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = Array.from({ length: 1000 }, () =>
      send(port, { path: '/waiting', signal }, over).catch((reason: unknown) => reason),
    );
    controller.abort('left');
    expect(new Set(await Promise.all(waiting))).to.deep.equal(new Set(['left']));
    answered.resolve(undefined);
    await first;
    await send(port, { path: '/last' }, over);
    expect(urls).to.deep.equal(['/first', '/last']);
    expect(connections).to.equal(1);
  });

  it('ends what has not been sent when an endpoint leaves, and closes its connections behind the rest', async () => {
    const arrived = deferred();
    const answered = deferred();
    const port = await serve((_request, response) => {
      arrived.resolve(undefined);
      void answered.promise.then(() => response.end('x'));
    });
    const over = transport({ connections: 1 });
    const to = endpoint('i1', { port });
    const all = Array.from({ length: 5 }, () => over.send(to, requestOf()));
    await arrived.promise;
    over.leave(to);
    expect(over.waiting).to.equal(0);
    for (const call of all.slice(1))
      expect(await failureOf(call))
        .to.be.instanceOf(DisplacedError)
        .and.include({ notExecuted: true });
    answered.resolve(undefined);
    expect((await all[0]!).status).to.equal(200);
    for (const socket of upstreams.sockets) if (!socket.closed) await once(socket, 'close');
    expect((await over.send(to, requestOf())).status).to.equal(200);
  });

  it('sends what waits in order, and fails it when it is closed', async () => {
    const urls: (string | undefined)[] = [];
    const answers: (() => void)[] = [];
    const port = await serve((request, response) => {
      urls.push(request.url);
      answers.push(() => response.end('x'));
    });
    const over = transport({ connections: 1 });
    const paths = Array.from({ length: 6 }, (_, n) => `/${n}`);
    const all = paths.map((path) => send(port, { path }, over).catch((error: unknown) => error));
    for (let n = 0; n < 3; n++) {
      while (answers.length === n) await new Promise((resolve) => setImmediate(resolve));
      if (n < 2) answers[n]!();
    }
    await over.close();
    const results = await Promise.all(all);
    expect(urls).to.deep.equal(['/0', '/1', '/2']);
    expect(results.slice(2).every((error) => error instanceof HttpError)).to.equal(true);
  });

  const ODD_REASONS: Readonly<Record<string, unknown>> = {
    undefined,
    null: null,
    'a symbol': Symbol('s'),
    'an object without a prototype': Object.create(null),
    'an object whose text throws': {
      toString() {
        throw new Error('no text');
      },
    },
    'a revoked proxy': (() => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy;
    })(),
  };
  for (const [what, reason] of Object.entries(ODD_REASONS)) {
    it(`ends a request that is aborted with ${what}, and closes its connection`, async () => {
      const arrived = deferred();
      const left = deferred();
      const port = await serve((request, response) => {
        if (request.url === '/next') response.end('x');
        else arrived.resolve(undefined);
        request.socket.on('close', () => left.resolve(undefined));
      });
      const over = transport({ connections: 1 });
      const controller = new AbortController();
      const { signal } = controller;
      const running = send(port, { signal }, over).then(
        () => expect.fail('a response was accepted'),
        (thrown: unknown) => [thrown],
      );
      const waiting = send(port, { signal }, over).then(
        () => expect.fail('a response was accepted'),
        (thrown: unknown) => [thrown],
      );
      await arrived.promise;
      controller.abort(reason);
      for (const [thrown] of [await running, await waiting]) expect(thrown === signal.reason).to.equal(true);
      await left.promise;
      expect((await send(port, { path: '/next' }, over)).status).to.equal(200);
    });
  }

  it('accepts a body in chunks of one byte', async () => {
    const port = await serveRaw(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(5000)}0\r\n\r\n`,
    );
    expect((await send(port)).text()).to.equal('x'.repeat(5000));
  });

  it('closes the connections of an endpoint that leaves, after its running calls have ended', async () => {
    const arrived = deferred();
    const answered = deferred();
    const port = await serve((_request, response) => {
      arrived.resolve(undefined);
      void answered.promise.then(() => response.end('done'));
    });
    const over = transport();
    const call = over.send(endpoint('i1', { port }), requestOf());
    await arrived.promise;
    over.leave(endpoint('i1', { port }));
    answered.resolve(undefined);
    expect((await call).text()).to.equal('done');
    for (const socket of upstreams.sockets) if (!socket.closed) await once(socket, 'close');
    expect(upstreams.sockets.size).to.equal(0);
  });

  it('ends running calls when it is closed, also of an endpoint that has left, and then rejects new ones', async () => {
    const arrived = [deferred(), deferred()];
    const port = await serve((request) => arrived[Number(request.url!.slice(1))]!.resolve(undefined));
    const over = transport();
    const [left, stays] = [endpoint('i1', { port }), endpoint('i2', { port })];
    const calls = [left, stays].map((each, index) => over.send(each, requestOf({ path: `/${index}` })));
    const failures = calls.map((call) => failureOf(call));
    for (const { promise } of arrived) await promise;
    over.leave(left);
    await over.close();
    for (const failure of failures) expect((await failure).code).to.equal('BAD_UPSTREAM');
    expect((await failureOf(over.send(stays, requestOf()))).code).to.equal('BAD_UPSTREAM');
  });

  it('does not count a lack of file descriptors of this process as a failure of the endpoint', async function () {
    if (!canLimitFiles()) this.skip();
    const port = await serve((_request, response) => response.end('x'));
    const over = transport();
    const failure = await withoutFiles(() => failureOf(send(port, {}, over)));
    expect(failure).to.include({ code: 'OVERLOADED', status: 503 });
    const verdict = { outcome: 'ignored', reached: 'ignored', mayRepeat: false };
    expect(judgeError(failure, new AbortController().signal)).to.deep.equal(verdict);
    expect((await send(port, {}, over)).text()).to.equal('x');
  });

  it('makes a new connection to an endpoint that returns', async () => {
    const port = await serve((_request, response) => response.end('x'));
    const over = transport();
    await send(port, {}, over);
    over.leave(endpoint('i1', { port }));
    expect((await send(port, {}, over)).text()).to.equal('x');
  });
});

interface Deferred {
  readonly promise: Promise<unknown>;
  readonly resolve: (value: unknown) => void;
}

function deferred(): Deferred {
  let resolve: (value: unknown) => void = () => undefined;
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
