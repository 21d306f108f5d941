// The long form of grpc-workers.test.ts, outside `npm test`: mocha build/test/system/grpc-workers.long.js
import { expect } from 'chai';
import { startCluster } from '#test/support/cluster.js';
import { rollOnce } from '#test/support/rolling.js';
import { RpcClient, rpcLoad, rpcPorts } from '#test/support/rpc-client.js';
import { RPC } from './fixtures/paths.js';

const ROLLS = 20;
const LANES = 16;
const UNAVAILABLE = 14;

for (const count of [1, 3]) {
  describe(`rolling replacements of ${count} gRPC worker(s)`, () => {
    it(`lose no call of a kept channel (${ROLLS} times)`, async function () {
      this.timeout(1_800_000);
      const env = { WORKERS: '1', GRPC_PORT: '0', GRPC_WORKERS: String(count) };
      const cluster = await startCluster({ config: RPC, env });
      try {
        const ports = await rpcPorts(cluster);
        const kept = await Promise.all(ports.map((port) => RpcClient.to(port)));
        let calls = 0;
        const load = rpcLoad(LANES, () => kept[calls++ % count]!);
        const next = (): Promise<RpcClient> => RpcClient.to(ports[calls++ % count]!);
        const fresh = rpcLoad(2, next, (client) => client.close());
        await load.answered(LANES);
        for (let roll = 0; roll < ROLLS; roll += 1) await rollOnce(cluster);
        await load.answered(LANES);
        await Promise.all([load.stop(), fresh.stop()]);
        for (const client of kept) client.close();
        for (const [name, { succeeded, failed }] of Object.entries({
          kept: load.account,
          fresh: fresh.account,
        }))
          console.log(name, JSON.stringify({ succeeded, failed: failed.length }), failed[0] ?? '');
        expect(load.account.failed).to.deep.equal([]);
        // A new connection finds nothing at the port between one thread and its successor.
        for (const failure of fresh.account.failed) expect(failure).to.include({ code: UNAVAILABLE });
        expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
      } finally {
        await cluster.dispose();
      }
    });
  });
}
