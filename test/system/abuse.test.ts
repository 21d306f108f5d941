// Hostile clients of the real process: what they cost, and that they are disconnected.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { within } from '#test/support/cluster.js';
import { CORE } from '#test/support/core.js';
import { newSeed } from '#test/support/random.js';
import { keepCollecting, residentMb } from '#test/support/resident-memory.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { IDLERS } from './abuse/idlers.js';
import { EVERYTHING } from './fixtures/paths.js';
import { openConnections, storm } from './fuzz/storm.js';

const WORKERS = 2;
/** The most memory that one client may cost. */
const COST_MB = 16;
/**
 * Garbage is collected this often: `node:http` copies each piece of a body, and V8 keeps up to some 32 MiB of
 * such copies in each thread before it collects them, however many clients there are.
 */
const COLLECT_MS = 10;
const MB = 1_000_000;
/** The core's idle time-out, counted in steps of 4 s; and what a busy machine adds. */
const IDLE_CUT_MS = 12_000 + 8000;
/** A response to the first packet may be under way before the second comes. */
const BETWEEN_PACKETS_MS = 100;

/**
 * Bytes that a client sends of an endless head. The core `node` ends its side with the refusal, and drops
 * what follows within the bounds of lingering.ts, so that the client can read it.
 */
const MOST_HEAD = { uws: 50 * MB, node: 2 * MB };

const request = (path: string, method = 'GET'): string => `${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const chunkedHead = (line: string): string =>
  `${line} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`;
const CHUNK = `8000\r\n${'x'.repeat(0x8000)}\r\n`;

/** A connection that reports its end, by a close or a reset, by one promise. */
class Client {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  received = '';

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.socket.on('error', () => undefined); // these clients provoke a reset
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
  }

  listen(): this {
    this.socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
    });
    return this;
  }

  /** Writes `piece` again and again while the server reads, up to a bound. @returns the bytes written */
  async pour(piece: string, most: number, patienceMs: number): Promise<number> {
    let written = 0;
    while (written < most && !this.socket.destroyed) {
      written += piece.length;
      if (this.socket.write(piece)) continue;
      if (!(await this.#drained(patienceMs))) break;
    }
    return written;
  }

  /** @returns false when the server reads no more, or has closed the connection */
  async #drained(patienceMs: number): Promise<boolean> {
    const over = new AbortController();
    const patience = AbortSignal.any([over.signal, AbortSignal.timeout(patienceMs)]);
    void this.closed.then(() => over.abort());
    return once(this.socket, 'drain', { signal: patience }).then(
      () => true,
      () => false,
    );
  }
}

describe('a hostile client', () => {
  const cluster = useCluster({ config: EVERYTHING, env: { WORKERS: String(WORKERS) } });

  /**
   * The most MiB by which the process grows while `act` runs. Garbage does not count.
   */
  async function cost(act: () => Promise<unknown>): Promise<number> {
    await keepCollecting(cluster.url, WORKERS, COLLECT_MS);
    const before = residentMb(cluster.pid);
    let most = before;
    const look = setInterval(() => {
      most = Math.max(most, residentMb(cluster.pid));
    }, 20);
    await act().finally(() => clearInterval(look));
    await keepCollecting(cluster.url, WORKERS, 0);
    return Math.max(most, residentMb(cluster.pid)) - before;
  }

  for (const [method, path] of [
    ['GET', '/large'],
    ['GET', '/long'],
    ['GET', '/who'],
    ['HEAD', '/who'],
    ['GET', '/stream'],
  ] as const) {
    it(`that requests ${method} ${path} again and again but never reads costs less than ${COST_MB} MiB`, async () => {
      const grown = await cost(async () => {
        const deaf = new Client(cluster.url);
        deaf.socket.pause();
        await deaf.pour(request(path, method).repeat(100), 20 * MB, 1000);
        deaf.socket.destroy();
      });
      console.log(`      ${method} ${path}: ${grown.toFixed(1)} MiB`);
      expect(grown).to.be.lessThan(COST_MB);
    });
  }

  it(`that sends an endless body while it reads no response costs less than ${COST_MB} MiB`, async () => {
    const grown = await cost(async () => {
      const deaf = new Client(cluster.url);
      deaf.socket.pause();
      deaf.socket.write(chunkedHead('POST /album'));
      await deaf.pour(CHUNK, 200 * MB, 1000);
      deaf.socket.destroy();
    });
    console.log(`      /album: ${grown.toFixed(1)} MiB`);
    expect(grown).to.be.lessThan(COST_MB);
  });

  it('that sends a byte a second or stops sending is disconnected, and so is a client that leaves in the middle of a request', async function () {
    this.timeout(60_000);
    const seed = newSeed();
    const slowly = async (first: string, rest: string): Promise<void> => {
      const client = new Client(cluster.url).listen();
      client.socket.write(first);
      let at = 0;
      const dribble = setInterval(() => void client.socket.write(rest[at++ % rest.length]!), 1000);
      await within(40_000, client.closed, () => `still open after ${at} bytes`);
      clearInterval(dribble);
    };
    const silently = async (what: string, packets: readonly string[]): Promise<void> => {
      const client = new Client(cluster.url).listen();
      for (const packet of packets) {
        client.socket.write(packet);
        await sleep(BETWEEN_PACKETS_MS);
      }
      await within(IDLE_CUT_MS, client.closed, () => `${what}: still open`);
    };
    await Promise.all([
      storm(cluster.url, seed, 1000),
      ...Object.entries(IDLERS).map(([what, packets]) => silently(what, packets)),
      slowly('', 'GET /who HTTP/1.1\r\nHost: x\r\nX: and so on'),
      slowly(request('/who'), 'GET /who HTTP/1.1\r\nHost: x\r\nX: and so on'),
      slowly('POST /text HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n', 'a'),
      slowly(chunkedHead('POST /text'), '1\r\na\r\n'),
    ]);
    const left = await until(
      () => openConnections(cluster.adminUrl),
      (open) => open === 0,
      IDLE_CUT_MS,
    );
    expect(left, `connections behind the storm of SEED=${seed}`).to.equal(0);
  });

  const endless: [line: string, limit: number, status: number][] = [
    ['POST /text', 1 << 20, 413],
    ['PUT /bytes', 2000, 413],
    ['POST /paints', 1 << 20, 415],
    ['PATCH /echo', 1 << 24, 200],
  ];
  for (const [line, limit, status] of endless) {
    it(`that sends ${line} an endless body is disconnected at the limit of that route`, async () => {
      const client = new Client(cluster.url).listen();
      client.socket.write(chunkedHead(line));
      const written = await client.pour(CHUNK, 200 * MB, 5000);
      await within(15_000, client.closed, () => `still open, ${written} bytes written`);
      // The reset that ends the connection may overtake the response.
      if (client.received !== '') expect(client.received).to.match(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(client.received.length).to.be.lessThan(limit + MB);
      expect(client.received).to.not.match(/\r\n0\r\n\r\n$/);
    });
  }

  it('that sends a giant request head gets 431, and one that sends an endless head is disconnected', async () => {
    const wire = await Wire.open(cluster.url);
    wire.write(`GET /who HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`);
    const response = await wire.response();
    expect([response?.status, response?.headers['content-type']]).to.deep.equal([
      431,
      'application/problem+json',
    ]);
    await wire.closed();
    for (const piece of ['x'.repeat(1000), 'X: y\r\n', '\r\n', `X: ${'y'.repeat(500)}\r\n`]) {
      const client = new Client(cluster.url).listen();
      client.socket.write('GET /who HTTP/1.1\r\nHost: x\r\nX: ');
      const written = await client.pour(piece, MOST_HEAD[CORE], 5000);
      await within(15_000, client.closed, () => `still open, ${written} bytes written`);
      if (CORE === 'uws') expect(written).to.be.lessThan(10 * MB);
      // The reset that ends the connection may overtake the response.
      else if (client.received !== '') expect(client.received).to.match(/^HTTP\/1\.1 (431|200) /);
    }
  });
});
