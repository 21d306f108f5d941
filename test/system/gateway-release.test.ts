// Whatever way requests through the gateway end, nothing of the process stays held.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { get, json } from '#test/support/client.js';
import { TestInstance } from '#test/support/instance.js';
import { newSeed, seeded } from '#test/support/random.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { WebSocketClient } from '#test/support/websocket-client.js';
import { RELAYED } from './fixtures/paths.js';

const REQUESTS = 300;
const TOGETHER = 20;

/** Requests by their first bytes; each is cut after a random time. */
const HEADS: readonly string[] = [
  'GET /svc/things/slow HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /svc/things/endless HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /svc/things/cut HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /svc/things/quick HTTP/1.1\r\nHost: a\r\n\r\n',
  `POST /svc/things/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n${'x'.repeat(200_000)}`,
  'POST /svc/things/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n',
  'POST /svc/things/upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
  `POST /svc/local/stream HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n${'x'.repeat(200_000)}`,
  'GET /svc/local/events HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /svc/local/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nxx',
];

describe('requests through the gateway that end in any way', function () {
  this.timeout(120_000);
  const env = { EJECTION_MS: '0', BREAKER_OPEN_MS: '100', ADAPTIVE_LIMIT: 'off' };
  const cluster = useCluster({ config: RELAYED, env });
  let things: TestInstance;
  before(async () => {
    things = await TestInstance.start(cluster.adminUrl, 'things', 'a');
    things.behave = (request, response) => {
      if (request.url === '/quick') response.end('quick');
      else if (request.url === '/endless') response.write('x'.repeat(500_000));
      else if (request.url === '/cut') {
        response.write('x');
        setTimeout(() => request.socket.destroy(), 5);
      }
    };
  });
  after(() => things.stop());

  async function cutRequest(chance: () => number): Promise<void> {
    const head = HEADS[Math.floor(chance() * HEADS.length)]!;
    const socket = connect(Number(new URL(cluster.url).port), '127.0.0.1', () => socket.write(head));
    socket.on('error', () => undefined);
    if (chance() < 0.5) socket.resume();
    await sleep(chance() * 60);
    if (chance() < 0.5) socket.destroy();
    else socket.resetAndDestroy();
  }

  const seed = newSeed();
  it(`release permits, streams, bodies and the load of instances: SEED=${seed}`, async () => {
    const chance = seeded(seed);
    for (let sent = 0; sent < REQUESTS; sent += TOGETHER)
      await Promise.all(Array.from({ length: TOGETHER }, () => cutRequest(chance)));
    for (let i = 0; i < 5; i++) (await WebSocketClient.connect(`${cluster.url}/svc/local/chat`)).destroy();
    const names = ['multilane_open_streams', 'multilane_pending_bodies', 'multilane_buffered_body_bytes'];
    const held = async (): Promise<Record<string, number>> => {
      const text = await (await get(`${cluster.adminUrl}/metrics`)).text();
      const sum = (name: string): number =>
        [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce(
          (all, [, n]) => all + Number(n),
          0,
        );
      const { instances } = await json<{ instances: { inFlight: number }[] }>(
        await get(`${cluster.adminUrl}/registry/v1/services/things`),
      );
      return {
        ...Object.fromEntries([...names, 'http_server_active_requests'].map((name) => [name, sum(name)])),
        calls: instances[0]!.inFlight,
      };
    };
    const isFree = (state: Record<string, number>): boolean =>
      Object.values(state).every((count) => count === 0);
    const state = await until(held, isFree, 30_000);
    expect(state).to.satisfy(isFree, JSON.stringify(state));
    expect(await (await get(`${cluster.url}/svc/things/quick`)).text()).to.equal('quick');
  });
});
