// Clients that send tens of thousands of short requests or messages at once, which the core reads in one turn
// of the event loop.

import { connect } from 'node:net';
import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { workersOf } from '#test/support/rolling.js';
import { useCluster } from '#test/support/use-cluster.js';
import { WebSocketClient } from '#test/support/websocket-client.js';
import { STALLS } from './fixtures/paths.js';

const CONNECTIONS = 12;
const BYTES = 2_000_000;
const STALL_MS = 300;

const requests = (line: string): string => {
  const one = `${line} HTTP/1.1\r\nHost: x\r\n\r\n`;
  return one.repeat(Math.ceil(BYTES / one.length));
};

/** Masked frames of one byte each. */
function frames(): Buffer {
  const one = Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x61]);
  return Buffer.alloc(Math.floor(BYTES / one.length) * one.length, one);
}

/** Sends the bytes. Resolves when the connection is closed. */
function flood(url: string, bytes: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on('error', () => undefined); // these clients provoke the reset
  socket.resume();
  socket.write(bytes);
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

describe('a flood of short requests', () => {
  const cluster = useCluster({ config: STALLS, env: { STALL_MS: String(STALL_MS) } });

  /** Asserts that ordinary requests are served during an attack, and that no worker is replaced. */
  async function harmless(attack: () => Promise<unknown>): Promise<void> {
    const before = (await workersOf(cluster)).map(({ generation }) => generation);
    const attacked = attack();
    const statuses = new Set<number>();
    for (let one = 0; one < 30; one += 1) statuses.add((await get(`${cluster.url}/thread`)).status);
    await attacked;
    // Some requests are rejected while the work of the flood queues.
    for (const status of statuses) expect(status).to.be.oneOf([200, 503]);
    expect((await workersOf(cluster)).map(({ generation }) => generation)).to.deep.equal(before);
    const broken = cluster.logs().filter(({ msg }) => String(msg).includes('interrupted'));
    expect(broken).to.deep.equal([]);
  }

  for (const line of ['GET /thread', 'HEAD /thread', 'GET /nothing', 'GET /nowhere', 'POST /thread']) {
    it(`is disconnected, and neither ends the process nor has a handler interrupted: ${line}`, async function () {
      this.timeout(60_000);
      const text = requests(line);
      await harmless(() => Promise.all(Array.from({ length: CONNECTIONS }, () => flood(cluster.url, text))));
    });
  }

  it('of WebSocket messages has its sockets closed', async function () {
    this.timeout(60_000);
    const bytes = frames();
    await harmless(async () => {
      const clients = await Promise.all(
        Array.from({ length: CONNECTIONS }, () =>
          WebSocketClient.connect(`${cluster.url}/stall/socket/burn`),
        ),
      );
      for (const client of clients) client.write(bytes);
      const codes = await Promise.all(clients.map(async (client) => (await client.closed()).code));
      // Data that is still under way to a closed socket leads to a reset.
      for (const code of codes) expect(code).to.be.oneOf([1006, 1008]);
    });
  });
});
