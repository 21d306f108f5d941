import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { until } from '#test/support/until.js';
import { HAZARDS } from './fixtures/paths.js';

const ATTACKERS = 1_000;

describe('an admin plane beside clients that never send a whole request header', () => {
  let cluster: Cluster;
  const sockets = new Set<Socket>();
  let isOver = false;

  before(async function () {
    this.timeout(30_000);
    cluster = await startCluster({ config: HAZARDS });
  });
  after(async function () {
    this.timeout(30_000);
    isOver = true;
    for (const socket of sockets) socket.destroy();
    await cluster.dispose();
  });

  /** Opens a connection, and another one as soon as it is closed. */
  async function hold(): Promise<void> {
    const socket = connect(Number(new URL(cluster.adminUrl).port), '127.0.0.1');
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      sockets.delete(socket);
      if (!isOver) void hold();
    });
    await once(socket, 'connect');
    socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ');
  }

  const closed = async (reason: string): Promise<number> => {
    const text = await (await get(`${cluster.adminUrl}/metrics`)).text();
    const name = 'multilane_admin_connections_closed_total';
    return Number(new RegExp(`^${name}\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  };

  it('responds to probes and scrapes from the same address, and counts the connections that it has closed', async function () {
    this.timeout(60_000);
    for (let made = 0; made < ATTACKERS; made += 1) await hold();
    for (let time = 0; time < 20; time += 1) {
      for (const path of ['/livez', '/readyz', '/metrics']) {
        expect((await get(cluster.adminUrl + path)).status, path).to.equal(200);
      }
    }
    const count = await until(
      () => closed('header_timeout'),
      (timedOut) => timedOut >= ATTACKERS,
    );
    expect(count).to.be.at.least(ATTACKERS);
  });
});
