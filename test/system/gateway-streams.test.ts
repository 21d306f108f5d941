import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { TestInstance } from '#test/support/instance.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { RELAYED } from './fixtures/paths.js';
import { streamThrough } from './gateway-streams.js';

describe('bodies through the gateway', function () {
  this.timeout(120_000);

  it('pass in bounded memory', async function () {
    if (process.platform !== 'linux') this.skip();
    await streamThrough(200);
  });

  describe('with a side that does not read', () => {
    const env = { WORKERS: '1', MAX_STREAMS: '2', MAX_STREAMS_PER_ADDRESS: '2' };
    const cluster = useCluster({ config: RELAYED, env });
    let instance: TestInstance;
    before(async () => {
      instance = await TestInstance.start(cluster.adminUrl, 'files', 'f');
    });
    after(() => instance.stop());

    /** Waits until a count has stayed the same for a while. */
    const settled = async (count: () => number): Promise<number> => {
      const seen: number[] = [];
      await until(
        () => seen.push(count()),
        () => seen.at(-1)! > 0 && seen.at(-1) === seen.at(-20),
      );
      return count();
    };

    it('stop the instance when the client does not read, and count as streams', async () => {
      let sent = 0;
      instance.behave = (_request, response) => {
        const piece = Buffer.alloc(64 * 1024);
        const more = (): void => {
          while (sent < 512 * 1024 * 1024) {
            sent += piece.length;
            if (!response.write(piece)) return void response.once('drain', more);
          }
        };
        more();
      };
      const { port } = new URL(cluster.url);
      const deaf = [0, 1].map(() => connect(Number(port), '127.0.0.1'));
      for (const socket of deaf) {
        await once(socket, 'connect');
        socket.write('GET /svc/files/ HTTP/1.1\r\nHost: a\r\n\r\n');
        socket.pause();
      }
      expect(await settled(() => sent)).to.be.below(64 * 1024 * 1024);
      const refused = await get(`${cluster.url}/svc/files/`);
      expect(refused.status).to.equal(503);
      expect(await refused.text()).to.include('OVERLOADED');
      for (const socket of deaf) socket.destroy();
      const metric = async (): Promise<string> => (await get(`${cluster.adminUrl}/metrics`)).text();
      expect(await until(metric, (text) => /^multilane_open_streams 0$/m.test(text))).to.match(
        /^multilane_open_streams 0$/m,
      );
    });

    it('stop the client when the instance does not read', async () => {
      instance.behave = (request) => request.pause();
      const { port } = new URL(cluster.url);
      const socket = connect(Number(port), '127.0.0.1');
      await once(socket, 'connect');
      socket.write('POST /svc/files/ HTTP/1.1\r\nHost: a\r\nContent-Length: 536870912\r\n\r\n');
      const piece = Buffer.alloc(64 * 1024);
      let sent = 0;
      const more = (): void => {
        while (socket.writable && socket.write(piece)) sent += piece.length;
        socket.once('drain', more);
      };
      more();
      expect(await settled(() => sent)).to.be.below(64 * 1024 * 1024);
      socket.on('error', () => undefined).destroy();
    });
  });
});
