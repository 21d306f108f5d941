// Streamed calls over real sockets: bodies in both directions, and what is refused of an endpoint's bytes.
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import { HttpError } from '#src/errors.js';
import type { HttpStream, StreamRequest } from '#src/upstream/http-stream.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { until } from '#test/support/until.js';
import { endpoint } from './endpoints.js';
import { BAD_RESPONSES, CHUNKED, interim } from './raw-responses.js';
import { RealUpstreams } from './real-upstreams.js';

describe('streamed calls over HTTP', () => {
  const upstreams = new RealUpstreams();
  let transport: HttpTransport;

  const serve = (listener: RequestListener): Promise<number> => upstreams.serve(listener);

  function call(port: number, members: Partial<StreamRequest> = {}): Promise<HttpStream> {
    return transport.stream(endpoint('i1', { port }), {
      ...{ method: 'GET', path: '/', headers: [], body: undefined },
      ...{ deadline: Deadline.after(10_000), abort: new OwnAbort() },
      ...members,
    });
  }

  async function textOf(stream: HttpStream): Promise<string> {
    let text = '';
    for await (const piece of stream) text += Buffer.from(piece).toString('latin1');
    return text;
  }

  async function failureOf(promise: Promise<unknown>): Promise<HttpError> {
    const error = await promise.then(
      () => expect.fail('it did not fail'),
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(HttpError);
    return error as HttpError;
  }

  beforeEach(() => {
    transport = new HttpTransport({ connections: 2, maxResponseBytes: Number.POSITIVE_INFINITY });
  });
  afterEach(async () => {
    await transport.close();
    await upstreams.close();
  });

  it('have the whole of a short response with its head', async () => {
    const port = await serve((_request, response) => response.end('short'));
    const stream = await call(port);
    expect(stream.isComplete).to.equal(true);
    expect(Buffer.from(stream.take()).toString()).to.equal('short');
  });

  it('pass on what arrives before the end of the response', async () => {
    let finish: () => void = () => undefined;
    const port = await serve((_request, response) => {
      response.write('first');
      finish = () => response.end('last');
    });
    const stream = await call(port);
    const first = await stream.next();
    expect(Buffer.from(first.value as Uint8Array).toString()).to.equal('first');
    finish();
    expect(await textOf(stream)).to.equal('last');
  });

  it('stop reading while nobody reads the response, and lose nothing', async () => {
    const bytes = 8 * 1024 * 1024;
    let sent = 0;
    const port = await serve((_request, response) => {
      const piece = Buffer.alloc(64 * 1024, 'x');
      const more = (): void => {
        while (sent < bytes) {
          sent += piece.length;
          if (!response.write(piece)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    const stream = await call(port);
    const seen: number[] = [];
    // The same number twice, a while apart: the endpoint is blocked.
    await until(
      () => seen.push(sent),
      () => seen.at(-1)! > 0 && seen.at(-1) === seen.at(-20),
    );
    expect(sent).to.be.below(bytes);
    expect((await textOf(stream)).length).to.equal(bytes);
  });

  it('send a body no faster than the endpoint takes it, and answer before its end', async () => {
    const port = await serve((request, response) => {
      request.once('data', (chunk: Buffer) => response.write(`got ${chunk.length > 0}`));
      request.on('end', () => response.end(' end'));
    });
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* body(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('first');
      await gate;
      yield Buffer.from('second');
    }
    const stream = await call(port, { method: 'POST', body: body() });
    expect(Buffer.from((await stream.next()).value as Uint8Array).toString()).to.equal('got true');
    release();
    expect(await textOf(stream)).to.equal(' end');
  });

  it('never end the body of a request that has failed', async () => {
    const ended: boolean[] = [];
    const port = await serve((request) => {
      request.on('close', () => ended.push(request.complete)).on('error', () => undefined);
      request.resume();
    });
    async function* body(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('part');
      throw new HttpError('BODY_TIMEOUT', 'no more');
    }
    const error = await failureOf(call(port, { method: 'POST', body: body() }));
    expect(error.code).to.equal('BODY_TIMEOUT');
    await until(
      () => ended.length,
      (count) => count > 0,
    );
    expect(ended).to.deep.equal([false]);
  });

  it('close the connection when their reader leaves, or when they are aborted', async () => {
    const closed: string[] = [];
    const port = await serve((request, response) => {
      response.write('begun');
      response.on('close', () => closed.push(request.url!));
    });
    await (await call(port, { path: '/left' })).return();
    const abort = new OwnAbort();
    const stream = await call(port, { path: '/aborted', abort });
    await stream.next();
    const reason = new HttpError('CLIENT_CLOSED', 'left');
    const reading = stream.next();
    abort.abort(reason);
    expect(await failureOf(reading)).to.equal(reason);
    await until(
      () => closed.length,
      (count) => count === 2,
    );
    expect(closed).to.have.members(['/left', '/aborted']);
  });

  for (const [what, bytes] of BAD_RESPONSES) {
    it(`refuse ${what}, and use the connection no more`, async () => {
      const used: Socket[] = [];
      const port = await upstreams.serveRaw((socket) => {
        used.push(socket);
        socket.write(bytes, 'latin1');
      });
      for (let i = 0; i < 2; i++) {
        const error = await failureOf(call(port).then(textOf));
        expect(error).to.include({ code: 'BAD_UPSTREAM', status: 502 });
      }
      expect(used[0]).not.to.equal(used[1]);
    });
  }

  for (const [what, bytes] of [
    ['a body with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'],
    ['a chunked body', `${CHUNKED}4\r\nhalf\r\n`],
  ] as const) {
    it(`never end ${what} that was cut off`, async () => {
      const port = await upstreams.serveRaw((socket) => socket.end(bytes));
      const stream = await call(port);
      expect((await failureOf(textOf(stream))).code).to.equal('BAD_UPSTREAM');
      expect(stream.failure).to.include({ code: 'BAD_UPSTREAM' });
    });
  }

  it('take no reset for the end of a body without a length', async function () {
    if (process.platform === 'darwin') this.skip();
    const port = await upstreams.serveRaw((socket) => socket.write('HTTP/1.1 200 OK\r\n\r\npart'));
    const stream = await call(port);
    expect(Buffer.from((await stream.next()).value as Uint8Array).toString()).to.equal('part');
    // libuv itself takes a reset for an end when it comes together with bytes.
    for (const socket of upstreams.sockets) socket.resetAndDestroy();
    expect((await failureOf(stream.next())).code).to.equal('BAD_UPSTREAM');
  });

  it('drop a few interim responses', async () => {
    const port = await upstreams.serveRaw((socket) =>
      socket.write(`${interim(103).repeat(3)}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`),
    );
    expect(await textOf(await call(port))).to.equal('ok');
  });

  it('read a body without a length to the end of its connection', async () => {
    const port = await upstreams.serveRaw((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end'));
    expect(await textOf(await call(port))).to.equal('until the end');
  });

  it('accept no body in a response to HEAD, or with 204 and 304', async () => {
    for (const [method, status] of [
      ['HEAD', 200],
      ['GET', 204],
      ['GET', 304],
    ] as const) {
      const port = await upstreams.serveRaw((socket) =>
        socket.write(`HTTP/1.1 ${status} X\r\nContent-Length: ${status === 204 ? 0 : 5}\r\n\r\n`),
      );
      const stream = await call(port, { method });
      expect(await textOf(stream)).to.equal('');
      expect(stream.status).to.equal(status);
    }
  });

  it('copy chunks of one byte into one buffer', async () => {
    const bytes = 20_000;
    const port = await upstreams.serveRaw((socket) =>
      socket.write(`${CHUNKED}${'1\r\nx\r\n'.repeat(bytes)}0\r\n\r\n`),
    );
    const stream = await call(port);
    const pieces: number[] = [];
    for await (const piece of stream) pieces.push(piece.length);
    expect(pieces.reduce((sum, length) => sum + length)).to.equal(bytes);
    expect(pieces.length).to.be.below(100);
  });
});
