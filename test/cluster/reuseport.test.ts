import { createServer } from 'node:http';
import { expect } from 'chai';
import { ReusePort, type ReusePortOptions } from '#src/cluster/reuseport.js';
import type { Descriptor } from '#src/cluster/sharding.js';
import { sharesPort } from '#src/cluster/shares-port.js';
import { StartError } from '#src/errors.js';
import { listenAt } from '#src/node-http.js';
import { loadCore } from '#src/server/uws/uws-core.js';
import { silentLog } from '#test/support/silent-log.js';
import { UNCOUNTED } from './uncounted.js';

const CORES = (await sharesPort()) ? (['uws', 'node'] as const) : (['uws'] as const);

for (const httpCore of CORES) {
  describe(`SHARDING=reuseport in the primary, on the core ${httpCore}`, () => {
    const open: { close(): void }[] = [];
    before(function () {
      if (process.platform !== 'linux') this.skip();
    });
    afterEach(() => {
      for (const one of open.splice(0)) one.close();
    });

    const given: ReusePortOptions = {
      httpCore,
      host: '127.0.0.1',
      port: 0,
      sharing: 'alone',
      tlsCertFile: undefined,
      tlsKeyFile: undefined,
      connections: UNCOUNTED,
    };
    const reserve = async (settings: Partial<ReusePortOptions> = {}): Promise<ReusePort> => {
      const sharding = await ReusePort.open({ ...given, ...settings }, silentLog);
      open.push(sharding);
      return sharding;
    };
    /** Opens the listener of a worker, beside others. */
    const listener = async (port: number): Promise<{ close(): void }> => {
      if (httpCore === 'node') {
        const server = createServer((_request, response) => void response.end('worker'));
        await listenAt(server, { host: '127.0.0.1', port, isShared: true });
        open.push(server);
        return server;
      }
      const app = loadCore().App();
      app.any('/*', (response) => void response.end('worker', true));
      app.listen('127.0.0.1', port, (socket) => {
        if (!socket) throw new Error('not free');
      });
      open.push(app);
      return app;
    };
    const worker = (slot: number): Descriptor => ({ slot, app: undefined });
    const ask = async (port: number): Promise<string> => {
      try {
        const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
        return `${answer.status} ${await answer.text()}`;
      } catch {
        return 'refused';
      }
    };

    it('has one port for all workers, and responds NO_WORKER itself while no worker listens', async () => {
      const sharding = await reserve();
      const { port } = sharding;
      expect(sharding.workerPort).to.equal(port).and.to.be.greaterThan(0);
      expect(await ask(port)).to.match(/^503 .*"NO_WORKER"/);

      await listener(port);
      const [one, two] = [worker(1), worker(2)];
      sharding.add(one);
      sharding.add(two);
      for (let n = 0; n < 8; n += 1) expect(await ask(port)).to.equal('200 worker');
      sharding.remove(one);
      for (let n = 0; n < 8; n += 1) expect(await ask(port)).to.equal('200 worker');
    });

    it('listens again before the last worker closes its listener, so the port stays taken', async () => {
      const sharding = await reserve();
      const { port } = sharding;
      const one = worker(1);
      const listening = await listener(port);
      sharding.add(one);
      sharding.pause();
      sharding.remove(one);
      open.splice(open.indexOf(listening), 1);
      listening.close();
      sharding.remove(one);
      expect(await ask(port)).to.match(/^503 .*"NO_WORKER"/);
      expect(await reserve({ port }).catch((error: unknown) => error)).to.be.instanceOf(StartError);
    });

    it('refuses to start where another process listens, even with a shared port, and names the port', async () => {
      const { port } = await reserve();
      const refusal = await reserve({ port }).catch((error: unknown) => error);
      expect(refusal).to.be.instanceOf(StartError).with.property('message').that.includes(String(port));
      expect(await ask(port)).to.match(/^503 /);
    });

    it('gives the port to only one of two simultaneous starts', async () => {
      const { port } = await reserve();
      open.pop()!.close();
      const starts = await Promise.allSettled(Array.from({ length: 4 }, () => reserve({ port })));
      expect(starts.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
    });

    it('takes over under pm2 without checking the port, and does not listen before its workers', async () => {
      const { port } = await reserve();
      const successor = await reserve({ port, sharing: 'beside' });
      expect(successor.port).to.equal(port);
      open.shift()!.close();
      expect(await ask(port)).to.equal('refused');
    });

    it('does not listen for its workers any more once it has stopped listening', async () => {
      const sharding = await reserve();
      const one = worker(1);
      sharding.add(one);
      await sharding.stopListening();
      sharding.remove(one);
      expect(await ask(sharding.port)).to.equal('refused');
    });
  });
}
