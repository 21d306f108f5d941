import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { SHARDINGS } from '#test/support/core.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { PLAIN } from './fixtures/paths.js';

const MOST = 200;

describe('open connections of one address', () => {
  for (const SHARDING of SHARDINGS) {
    describe(`with ${SHARDING}`, () => {
      const sockets = new Set<Socket>();
      const cluster = useCluster({ config: PLAIN, env: { SHARDING, MAX_CONNECTIONS: String(MOST) } });
      afterEach(() => {
        for (const socket of sockets) socket.destroy();
        sockets.clear();
      });

      /** Opens a connection. @returns whether it got a response, false when it was closed without one */
      async function open(localAddress: string): Promise<boolean> {
        const { hostname: host, port } = new URL(cluster.url);
        const socket = connect({ host, port: Number(port), localAddress });
        sockets.add(socket);
        // It may close later as well: a worker with more than its share closes some.
        socket.once('close', () => sockets.delete(socket));
        socket.on('error', () => undefined).write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
        const isServed = await Promise.race([
          once(socket, 'data').then(
            () => true,
            () => false,
          ),
          once(socket, 'close').then(() => false),
        ]);
        return isServed;
      }

      it('never use up MAX_CONNECTIONS: other addresses are still served, however fast the first one connects', async () => {
        const greedy = (await Promise.all(Array.from({ length: 3 * MOST }, () => open('127.0.0.2')))).filter(
          Boolean,
        ).length;
        expect(greedy).to.be.within(MOST / 2, 0.9 * MOST + 4);
        const others = await Promise.all(['127.0.0.3', '127.0.0.4', '127.0.0.5'].map(open));
        expect(others).to.deep.equal([true, true, true]);
        const metrics = await (await fetch(`${cluster.adminUrl}/metrics`)).text();
        expect(metrics).to.match(/multilane_requests_shed_total\{reason="connection_share"\} [1-9]/);
      });

      it('never use up MAX_CONNECTIONS in waves either, with counts between them', async () => {
        const waves = [0.74 * MOST, 0.49 * MOST];
        for (const wave of waves) {
          await Promise.all(Array.from({ length: wave }, () => open('127.0.0.2')));
          // Some rounds of the census pass; nothing can be observed that marks them.
          await new Promise((resolve) => setTimeout(resolve, 1500));
        }
        expect(sockets.size).to.be.within(MOST / 2, 0.9 * MOST + 4);
        const others = await Promise.all(['127.0.0.3', '127.0.0.4', '127.0.0.5'].map(open));
        expect(others).to.deep.equal([true, true, true]);
      });

      it('are no longer counted once they are closed', async () => {
        await Promise.all(Array.from({ length: 3 * MOST }, () => open('127.0.0.2')));
        for (const socket of sockets) socket.destroy();
        sockets.clear();
        // A connection that was opened lately counts for a second after its end.
        const again = await until(() => open('127.0.0.2'), Boolean);
        expect(again).to.equal(true);
      });
    });
  }
});
