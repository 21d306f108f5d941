// Files over a socket: with their length, no faster than the client reads, and closed whatever happens.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { HttpServer } from '#src/server/http-core.js';
import { deafClient } from '#test/support/deaf-client.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, ManualTicker, settled } from './kit.js';

const LARGE = randomBytes(8_000_000);
const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const IDLE_MS = 5000;

onCores('a file over a socket', (core) => {
  let base: string;
  let world: Bench;
  let server: HttpServer;
  let port: number;
  let url: string;
  const ticker = new ManualTicker();

  before(async () => {
    base = mkdtempSync(join(tmpdir(), 'multilane-sized-'));
    writeFileSync(join(base, 'large.bin'), LARGE);
    writeFileSync(join(base, 'small.txt'), 'small');
    writeFileSync(join(base, 'empty.txt'), '');
    world = bench(
      (app) => {
        app.get('/*', (ctx) => ctx.file('.', ctx.params['*']!));
        app.post('/*', (ctx) => ctx.file('.', ctx.params['*']!));
      },
      { ticker, configFile: join(base, 'config.js') },
    );
    server = core.serverOf(world.app, {
      settings: { streamIdleMs: IDLE_MS },
    });
    port = await server.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${port}`;
  });
  after(() => {
    server.close();
    rmSync(base, { recursive: true });
  });
  beforeEach(() => {
    world.observer.seen.length = 0;
  });

  /** Counts the descriptors of this process for files below the folder. */
  const openFiles = (): number =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(base);
      } catch {
        return false; // the descriptor of this listing itself
      }
    }).length;

  /** Waits, because descriptors are closed on another thread. */
  async function allFilesClosed(): Promise<void> {
    while (openFiles() > 0) await settled();
  }

  const deaf = (bytes: string): Promise<Socket> => deafClient(port, bytes);

  it('is sent whole with its length, and the connection stays', async () => {
    const wire = await Wire.open(url);
    for (let i = 0; i < 2; i++) {
      const answer = await wire.request('GET', '/large.bin');
      expect([answer?.status, answer?.headers['content-length']]).to.deep.equal([200, '8000000']);
      expect(hash(answer!.body)).to.equal(hash(LARGE));
      expect((await wire.request('GET', '/small.txt'))?.body.toString()).to.equal('small');
      expect((await wire.request('GET', '/empty.txt'))?.headers['content-length']).to.equal('0');
      const head = await wire.request('HEAD', '/large.bin');
      expect([head?.status, head?.headers['content-length']]).to.deep.equal([200, '8000000']);
      const part = await wire.request('GET', '/large.bin', ['Range: bytes=1000000-1999999']);
      expect([part?.status, hash(part!.body)]).to.deep.equal([
        206,
        hash(LARGE.subarray(1_000_000, 2_000_000)),
      ]);
    }
    expect((await wire.request('GET', '/nothing'))?.status).to.equal(404);
    wire.destroy();
    await allFilesClosed();
  });

  it('ends its connection where that was announced', async () => {
    for (const [method, fields, body] of [
      ['GET', ['Connection: close'], ''],
      ['POST', ['Transfer-Encoding: chunked'], '0\r\n\r\n'],
    ] as const) {
      const wire = await Wire.open(url);
      wire.write(`${method} /large.bin HTTP/1.1\r\nHost: x\r\n${fields.join('\r\n')}\r\n\r\n${body}`);
      const answer = await wire.response();
      expect([answer?.closes, hash(answer!.body)], method).to.deep.equal([true, hash(LARGE)]);
      wire.destroy();
    }
  });

  it('is read no faster than its client reads, and is sent whole', async () => {
    const socket = await deaf('GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n');
    while (openFiles() === 0) await settled();
    for (let i = 0; i < 200; i++) await settled();
    expect(openFiles()).to.equal(1);
    const chunks: Buffer[] = [];
    let length = 0;
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      // The client reads slower than it could.
      socket.pause();
      setImmediate(() => socket.resume());
    });
    socket.resume();
    // The head may come in two packets.
    while (length < 10_000) await once(socket, 'data');
    const head = Buffer.concat(chunks).indexOf('\r\n\r\n') + 4;
    while (length < head + LARGE.length) await once(socket, 'data');
    await world.observer.ended(1);
    expect(hash(Buffer.concat(chunks).subarray(head))).to.equal(hash(LARGE));
    socket.destroy();
    await allFilesClosed();
  });

  it('is closed when its client leaves', async () => {
    const socket = await deaf('GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n');
    while (openFiles() === 0) await settled();
    socket.destroy();
    await world.observer.ended(1);
    await allFilesClosed();
    expect(world.observer.seen.map(({ status }) => status)).to.deep.equal([499]);
    while (world.app.inFlight > 0) await settled();
  });

  it('is closed when its client takes nothing for too long', async () => {
    const socket = await deaf('GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n');
    // The head may come before the file has been read.
    for (let length = 0; length < 1000; socket.pause()) {
      socket.resume();
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      length += chunk.length;
    }
    while (world.observer.seen.length === 0) {
      await settled();
      ticker.advance(IDLE_MS + 50);
    }
    await world.observer.ended(1);
    await allFilesClosed();
    expect(world.observer.seen.map(({ status }) => status)).to.deep.equal([499]);
    socket.destroy();
  });

  it('that becomes shorter while it is sent does not look complete', async () => {
    writeFileSync(join(base, 'shrinking.bin'), LARGE);
    const socket = await deaf('GET /shrinking.bin HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.resume();
    await once(socket, 'data');
    socket.pause();
    truncateSync(join(base, 'shrinking.bin'), 100);
    socket.resume();
    await once(socket, 'close');
    await world.observer.ended(1);
    await allFilesClosed();
    expect(world.observer.seen.map(({ status }) => status)).to.deep.equal([500]);
    expect(world.logs.at(-1)?.msg).to.equal('a streamed response failed');
  });
});
