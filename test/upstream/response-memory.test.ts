// The memory of responses that arrive for calls: counted while it is held, and released however a call ends.
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import { type HeldBytes, ResponseMemoryError, UNCOUNTED_BYTES } from '#src/upstream/held-bytes.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { judgeError } from '#src/upstream/verdict.js';
import { until } from '#test/support/until.js';
import { endpoint } from './endpoints.js';
import { RealUpstreams } from './real-upstreams.js';

const KIB = 1024;
const MOST = 1024 * KIB;
/** A chunk of a body, with its size. */
const CHUNK = `${(200 * KIB).toString(16)}\r\n${'x'.repeat(200 * KIB)}\r\n`;

/** Memory of `MOST` bytes. */
class Memory implements HeldBytes {
  held = 0;
  highest = 0;
  taken = 0;

  take(bytes: number): boolean {
    this.taken++;
    if (this.held + bytes > MOST) return false;
    this.held += bytes;
    this.highest = Math.max(this.highest, this.held);
    return true;
  }
  give(bytes: number): void {
    this.held -= bytes;
  }
}

describe('the memory of responses', () => {
  const upstreams = new RealUpstreams();
  let memory: Memory;
  let transport: HttpTransport;

  beforeEach(() => {
    memory = new Memory();
    transport = new HttpTransport({ memory, maxResponseBytes: 2 * MOST });
  });
  afterEach(async () => {
    await transport.close();
    await upstreams.close();
  });

  /** Announces the one number of bytes, and sends the other. */
  const serve = (announced: number, sent = announced): Promise<number> =>
    upstreams.serveRaw((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${announced}\r\n\r\n`);
      socket.write(Buffer.alloc(sent, 'x'));
    });

  const send = (port: number, abort = new OwnAbort()) =>
    transport.send(endpoint('i1', { port }), {
      ...{ method: 'GET', path: '/', headers: {}, body: undefined, deadline: Deadline.after(20_000) },
      ...{ signal: abort.signal, abort },
    });
  const failure = (port: number, abort?: OwnAbort): Promise<unknown> =>
    send(port, abort).then(
      () => expect.fail('a response was accepted'),
      (reason: unknown) => reason,
    );
  const untilHeld = (bytes: number): Promise<unknown> =>
    until(
      () => memory.held,
      (held) => held >= bytes,
    );

  it('is not counted for a short one', async () => {
    const port = await serve(UNCOUNTED_BYTES / 2);
    expect((await send(port)).bytes()).to.have.length(UNCOUNTED_BYTES / 2);
    expect(memory.taken).to.equal(0);
  });

  it('is held while a long one arrives, and released when its caller gets it', async () => {
    const port = await serve(400 * KIB);
    expect((await send(port)).bytes()).to.have.length(400 * KIB);
    expect(memory.highest).to.be.within(400 * KIB, MOST);
    expect(memory.held).to.equal(0);
  });

  it('refuses what is too much, which counts for no instance and is not repeated', async () => {
    const port = await serve(2 * MOST);
    const error = await failure(port);
    expect(error).to.be.instanceOf(ResponseMemoryError);
    expect(error).to.include({ code: 'OVERLOADED', status: 503 });
    expect(judgeError(error, new AbortController().signal)).to.deep.equal({
      outcome: 'ignored',
      reached: 'ignored',
      mayRepeat: false,
    });
    expect(memory.held).to.equal(0);
  });

  it('is that of all calls together', async () => {
    const port = await serve(800 * KIB, 300 * KIB);
    const calls = Array.from({ length: 12 }, () => failure(port));
    await untilHeld(MOST / 2);
    expect(await Promise.race(calls)).to.be.instanceOf(ResponseMemoryError);
    expect(memory.highest).to.be.at.most(MOST);
    await transport.close();
    await Promise.all(calls);
    expect(memory.held).to.equal(0);
  });

  const endings: Readonly<Record<string, (abort: OwnAbort, sockets: Iterable<Socket>) => unknown>> = {
    'its caller leaves': (abort) => abort.abort(new Error('left')),
    'its connection is closed': (_abort, sockets) => {
      for (const socket of sockets) socket.end();
    },
    'its connection is reset': (_abort, sockets) => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    'the transport is closed': () => transport.close(),
  };
  for (const [ending, end] of Object.entries(endings)) {
    it(`is released when ${ending} within the body`, async () => {
      const port = await serve(MOST, 200 * KIB);
      const abort = new OwnAbort();
      const call = failure(port, abort);
      await untilHeld(200 * KIB);
      await end(abort, upstreams.sockets);
      await call;
      expect(memory.held).to.equal(0);
    });
  }

  const faults: Readonly<Record<string, string>> = {
    'is longer than is accepted': CHUNK,
    'has a chunk without a size': 'zz\r\n',
  };
  for (const [fault, rest] of Object.entries(faults)) {
    it(`is released when the response ${fault}`, async () => {
      transport = new HttpTransport({ memory, maxResponseBytes: 300 * KIB });
      const port = await upstreams.serveRaw((socket) =>
        socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNK}${rest}`),
      );
      expect(await failure(port)).to.include({ code: 'BAD_UPSTREAM' });
      expect(memory.taken).to.be.above(0);
      expect(memory.held).to.equal(0);
    });
  }
});
