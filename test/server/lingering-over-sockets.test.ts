// A response that comes before the end of the request's body reaches its client whole, whatever its form is
// and whenever its client reads: the server reads the rest of the body. Behind a response of known length it
// closes the connection in order.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import type { HttpServer } from '#src/server/http-core.js';
import { makeCertificate, needsOpenssl } from '#test/support/certificate.js';
import { onCores } from './cores.js';
import { type Bench, bench, settled } from './kit.js';

/** More than the buffers of two sockets hold. */
const BODY = Buffer.alloc(16_000_000, 'b');
const CHUNK_BYTES = 64_000;
const PAGE = 'page'.repeat(50_000);
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n');
const PYTHON = 'python3';
const PYTHON_CLIENT = `
import http.client, sys
port, path, size = sys.argv[1:]
client = http.client.HTTPConnection('127.0.0.1', int(port), timeout=60)
client.request('POST', path, body=b'b' * int(size))
response = client.getresponse()
print(response.status, len(response.read()))
`;

interface Received {
  readonly bytes: Buffer;
  /** The connection was not closed in order. */
  readonly error: unknown;
}

/** Sends a request, and decides when it reads. */
type Client = (socket: Socket, request: readonly Buffer[]) => Promise<void>;

const written = (socket: Socket, bytes: Buffer): Promise<void> =>
  new Promise((resolve) => void socket.write(bytes, () => resolve()));

async function turns(): Promise<void> {
  for (let left = 5; left > 0; left--) await settled();
}

const CLIENTS: Readonly<Record<string, Client>> = {
  async 'reads at once'(socket, request) {
    for (const piece of request) socket.write(piece);
  },
  async 'reads after it has sent everything'(socket, request) {
    socket.pause();
    for (const piece of request) await written(socket, piece);
    socket.resume();
  },
  async 'sends and reads slowly'(socket, request) {
    socket.on('data', () => {
      socket.pause();
      void turns().then(() => socket.resume());
    });
    for (const piece of request) {
      await turns();
      await written(socket, piece);
    }
  },
};

/** The pieces of a request, the head first. */
function requestOf(method: string, path: string, isChunked: boolean, close: boolean): Buffer[] {
  const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${BODY.length}`;
  const last = close ? 'Connection: close\r\n' : '';
  const pieces = [Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${last}${framing}\r\n\r\n`)];
  for (let at = 0; at < BODY.length; at += CHUNK_BYTES) {
    const bytes = BODY.subarray(at, at + CHUNK_BYTES);
    if (isChunked) pieces.push(Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n'));
    else pieces.push(bytes);
  }
  if (isChunked) pieces.push(Buffer.from('0\r\n\r\n'));
  return pieces;
}

/** The content of a response. @throws Error when it is not complete */
function contentOf(bytes: Buffer): { status: number; head: string; content: string } {
  const received = bytes.toString('latin1');
  const end = received.indexOf('\r\n\r\n');
  const head = received.slice(0, end);
  let rest = received.slice(end + 4);
  let content = '';
  if (/transfer-encoding: chunked/i.test(head)) {
    for (;;) {
      const [, size = ''] = /^([0-9a-f]+)\r\n/.exec(rest) ?? [];
      const at = size.length + 2;
      const length = Number.parseInt(size, 16);
      if (!(rest.length >= at + length + 2)) throw new Error(`incomplete after ${content.length} bytes`);
      if (length === 0) break;
      content += rest.slice(at, at + length);
      rest = rest.slice(at + length + 2);
    }
  } else content = rest.replace(/\r\n$/, ''); // behind a small body, see uws-pending-response.ts
  return { status: Number(head.slice(9, 12)), head, content };
}

onCores('a response before the end of the body', (core) => {
  let base: string;
  let world: Bench;
  let server: HttpServer;
  let port: number;

  before(async () => {
    base = mkdtempSync(join(tmpdir(), 'multilane-early-'));
    writeFileSync(join(base, 'page'), PAGE);
    world = bench(
      (app) => {
        const route = { bodyLimit: 1e9 };
        app.post('/small', route, () => 'no');
        app.post('/late', route, async () => {
          await settled();
          return 'no';
        });
        app.post('/empty', route, (ctx) => ctx.text(''));
        app.post('/none', route, () => undefined);
        app.post('/same', route, (ctx) => void ctx.status(304));
        app.post('/large', route, () => PAGE);
        app.post('/late-large', route, async () => {
          await settled();
          return PAGE;
        });
        app.post('/sized', route, (ctx) => ctx.file('.', 'page'));
        app.post('/stream', route, (ctx) => ctx.stream(pieces()));
        app.post('/begun', route, (ctx) => ctx.stream(begun(ctx.readStream())));
        app.post('/limited', { bodyLimit: 1000 }, async (ctx) => ctx.readText());
        app.get('/large', route, () => PAGE);
      },
      { configFile: join(base, 'config.js') },
    );
    server = core.serverOf(world.app);
    port = await server.listen(0, '127.0.0.1');
  });
  after(() => {
    server.close();
    rmSync(base, { recursive: true });
  });
  afterEach(async () => {
    while (server.unfinished > 0 || world.app.wheel.size > 0) await settled();
  });

  async function* pieces() {
    yield PAGE.slice(0, 100);
    await settled();
    yield PAGE.slice(100);
  }

  /** Reads the beginning of the body only. */
  async function* begun(body: AsyncIterable<Uint8Array>) {
    for await (const piece of body) {
      yield piece.subarray(0, 1);
      break;
    }
    yield PAGE;
  }

  const plain = (): Socket => connect(port, '127.0.0.1');

  async function send(client: Client, request: readonly Buffer[], socket = plain()): Promise<Received> {
    const parts: Buffer[] = [];
    let error: unknown;
    socket.on('error', (thrown) => (error = thrown));
    socket.on('data', (part: Buffer) => {
      parts.push(part);
      // Behind a last chunk the connection is closed by its client.
      if (Buffer.concat(parts.slice(-3)).subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)) socket.destroy();
    });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await client(socket, request);
    await closed;
    return { bytes: Buffer.concat(parts), error };
  }

  const responses: readonly (readonly [method: string, path: string, status: number, content: string])[] = [
    ['POST', '/small', 200, 'no'],
    ['POST', '/late', 200, 'no'],
    ['POST', '/empty', 200, ''],
    ['POST', '/none', 204, ''],
    ['POST', '/same', 304, ''],
    ['POST', '/large', 200, PAGE],
    ['POST', '/late-large', 200, PAGE],
    ['POST', '/sized', 200, PAGE],
    ['POST', '/stream', 200, PAGE],
    ['POST', '/begun', 200, `b${PAGE}`],
    ['HEAD', '/large', 200, ''],
  ];

  async function expectWhole(client: Client, isChunked: boolean, close: boolean, open = plain) {
    for (const [method, path, status, content] of responses) {
      const { bytes, error } = await send(client, requestOf(method, path, isChunked, close), open());
      expect(error, `the end of ${path}`).to.equal(undefined);
      const response = contentOf(bytes);
      expect(response.status, path).to.equal(status);
      expect(response.content === content, `the content of ${path}`).to.equal(true);
      expect(response.head, path).to.match(/\r\nconnection: close/i);
    }
  }

  for (const [name, client] of Object.entries(CLIENTS)) {
    for (const isChunked of [false, true]) {
      for (const close of [false, true]) {
        const form = `${isChunked ? 'chunks' : 'a length'}${close ? ' and Connection: close' : ''}`;
        it(`reaches a client that ${name}, whose body has ${form}`, () =>
          expectWhole(client, isChunked, close));
      }
    }
  }

  it('reaches a client over TLS', async function () {
    needsOpenssl(this);
    const { certFile, keyFile, ca } = makeCertificate(base, 'early');
    const secure = core.serverOf(world.app, { tls: { certFile, keyFile } });
    const securePort = await secure.listen(0, '127.0.0.1');
    try {
      const open = (): Socket => connectTls({ port: securePort, host: '127.0.0.1', ca });
      await expectWhole(CLIENTS['reads after it has sent everything']!, false, false, open);
    } finally {
      secure.close();
    }
  });

  it('is dropped with everything else when its client leaves', async () => {
    const leaves: Client = async (socket, request) => {
      socket.once('data', () => socket.destroy());
      for (const piece of request.slice(0, request.length / 2)) socket.write(piece);
    };
    const before = server.connections;
    for (const [method, path] of responses)
      for (const isChunked of [false, true]) await send(leaves, requestOf(method, path, isChunked, false));
    while (server.connections > before) await settled();
  });

  it('is a refusal in the middle of the body, too', async () => {
    for (const isChunked of [false, true]) {
      const client = CLIENTS['reads after it has sent everything']!;
      const { bytes, error } = await send(client, requestOf('POST', '/limited', isChunked, false));
      expect([error, contentOf(bytes).status]).to.deep.equal([undefined, 413]);
    }
  });

  it('reaches the HTTP client of Python, which sends before it reads', async function () {
    if (spawnSync(PYTHON, ['--version']).error !== undefined) this.skip();
    for (const path of ['/small', '/large', '/sized', '/stream']) {
      const python = spawn(PYTHON, ['-c', PYTHON_CLIENT, String(port), path, String(BODY.length)]);
      const [output, errors] = await Promise.all([
        text(python.stdout),
        text(python.stderr),
        once(python, 'close'),
      ]);
      expect([output.trim(), errors]).to.deep.equal([`200 ${path === '/small' ? 2 : PAGE.length}`, '']);
    }
  });
});
