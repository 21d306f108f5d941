// Mounted applications are closed whenever their worker ends in order, before the databases of their service.
import { expect } from 'chai';
import { startCluster } from '#test/support/cluster.js';
import { rollOnce } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { CLOSING } from './fixtures/paths.js';

const HTTP_CORE = 'node';

describe('a mounted application with something to close', () => {
  const cluster = useCluster({ config: CLOSING, env: { HTTP_CORE, SERVICES: 'closing,failing' } });
  const lines = (message: string) => cluster.logs().filter(({ msg }) => msg === message);
  const closedIn = (): unknown[] => lines('the hook has run').map(({ thread }) => thread);
  const workers = (): number => Number(lines('ready')[0]?.workers);
  /** Opens a connection that idles from then on. */
  const idle = async (): Promise<Wire> => {
    const wire = await Wire.open(cluster.url);
    expect((await wire.request('GET', '/api'))?.status).to.equal(200);
    return wire;
  };

  it('is closed once in each worker that a reload replaces, beside connections that idle', async function () {
    this.timeout(60_000);
    const wire = await idle();
    await rollOnce(cluster);
    await until(closedIn, ({ length }) => length === workers());
    expect(new Set(closedIn()).size).to.equal(workers());
    wire.destroy();
  });

  it('is closed in a worker that has failed', async function () {
    this.timeout(60_000);
    const before = closedIn().length;
    const wire = await Wire.open(cluster.url);
    expect((await wire.request('GET', '/api/crash'))?.status).to.equal(200);
    await until(closedIn, ({ length }) => length === before + 1);
    wire.destroy();
  });

  it('is closed when the process stops, and one that fails to close is logged', async function () {
    this.timeout(60_000);
    const before = closedIn().length;
    const wire = await idle();
    expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
    wire.destroy();
    expect(closedIn()).to.have.length(before + workers());
    for (const { row, service } of lines('the hook has run'))
      expect({ row, service }).to.deep.equal({ row: { one: 1 }, service: 'closing' });
    const failures = lines('a mounted application was not closed in order');
    expect(failures).to.have.length(closedIn().length);
    for (const { level, service, prefix, err } of failures)
      expect({ level, service, prefix, message: (err as Error).message }).to.deep.equal({
        level: 50,
        service: 'failing',
        prefix: '/failing',
        message: 'there is nothing to close',
      });
  });
});

describe('a mounted application that never has closed', () => {
  it('holds no worker beyond its drain', async function () {
    this.timeout(60_000);
    const cluster = await startCluster({ config: CLOSING, env: { HTTP_CORE, SERVICES: 'hanging' } });
    try {
      const wire = await Wire.open(cluster.url);
      expect((await wire.request('GET', '/hanging'))?.status).to.equal(200);
      // A worker that took longer than its drain would make the exit code another one.
      expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
      wire.destroy();
      const message = 'close() of a mounted application takes too long; ending without it';
      const warned = cluster.logs().filter(({ msg }) => msg === message);
      const workers = Number(cluster.logs().find(({ msg }) => msg === 'ready')?.workers);
      expect(warned).to.have.length(workers);
      for (const line of warned) expect(line).to.include({ service: 'hanging', prefix: '/hanging' });
    } finally {
      await cluster.dispose();
    }
  });
});
