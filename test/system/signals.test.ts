import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { type Cluster, launchCluster, newDataDir, startCluster } from '#test/support/cluster.js';
import { runPrimary } from '#test/support/command.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { HAZARDS } from './fixtures/paths.js';
import { CONTAINER, noContainers } from './namespaces.js';

/** A signal counts as a second one from this time on (docs/contract.md). */
const SECOND_SIGNAL_MS = 1000;

/** Code of a configuration module that keeps its thread from handling a signal. */
const LOADING = {
  awaits: 'await new Promise(() => setInterval(() => {}, 1e6));',
  loops: 'for (;;);',
  'is in native code': 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);',
};

describe('a signal while the configuration module is loaded', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = newDataDir();
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));
  const configOf = (text: string): string => {
    const config = join(dataDir, 'signalled.config.mjs');
    writeFileSync(config, text);
    return config;
  };

  for (const [what, text] of Object.entries(LOADING)) {
    for (const [signal, args] of [
      ['SIGTERM', []],
      ['SIGINT', ['--check']],
    ] as const) {
      it(`ends the process in the default way of the signal while the module ${what}: ${['a start', ...args].at(-1)}, ${signal}`, async function () {
        this.timeout(30_000);
        const config = configOf(`process.kill(process.pid, '${signal}'); ${text}`);
        const run = await runPrimary({ args: ['--config', config, ...args] });
        expect(run).to.deep.equal({ code: null, signal, stdout: '', stderr: '', leftovers: [] });
      });
    }
  }

  it('ends process 1 of a container with code 0 while the module awaits', async function () {
    this.timeout(30_000);
    if (noContainers() !== undefined) this.skip();
    const config = configOf(`process.kill(1, 'SIGTERM'); ${LOADING.awaits}`);
    const contained = launchCluster({ dataDir, config, within: CONTAINER });
    expect(await contained.exited).to.deep.equal({ code: 0, signal: null });
  });
});

describe('a process that gets signals and messages', () => {
  let cluster: Cluster;
  beforeEach(async function () {
    this.timeout(30_000);
    cluster = await startCluster({ config: HAZARDS, ipc: true, env: { DRAIN_MS: '20000' } });
  });
  afterEach(async function () {
    this.timeout(30_000);
    await cluster.dispose();
  });

  const isDraining = (): Promise<number> =>
    until(
      async () => (await get(`${cluster.adminUrl}/readyz`)).status,
      (status) => status === 503,
    );

  it('sends ready over the channel of a process manager, once', async () => {
    await until(
      () => cluster.messages.length,
      (count) => count > 0,
      5000,
    );
    expect(cluster.messages).to.deep.equal(['ready']);
  });

  it('drains on the message shutdown and exits with 0', async () => {
    cluster.send('shutdown');
    expect(await cluster.exited).to.deep.equal({ code: 0, signal: null });
    expect(cluster.leftovers()).to.deep.equal([]);
  });

  it('continues its drain after an immediate second signal, and stops at once after one that comes a second later', async function () {
    this.timeout(30_000);
    const wire = await Wire.open(cluster.url);
    const response = wire.request('GET', '/hang');
    response.catch(() => undefined); // awaited below
    expect((await get(`${cluster.url}/thread`)).status).to.equal(200);
    // The signals differ, since the kernel may deliver the same signal once when it is sent twice. Either may
    // come first.
    cluster.signal('SIGTERM');
    cluster.signal('SIGINT');
    expect(await isDraining()).to.equal(503);
    await sleep(SECOND_SIGNAL_MS);
    expect(cluster.stderr.at(-1)).to.match(/^multilane ready /);
    cluster.send('shutdown');
    const exit = await cluster.exited;
    expect(exit).to.deep.equal({ code: 1, signal: null });
    // Only the last signal has counted as a second one.
    const seconds = cluster.logs().filter(({ msg }) => String(msg).startsWith('second '));
    expect(seconds.map(({ msg }) => msg)).to.deep.equal(['second shutdown: stopping at once']);
    expect((await response)?.status ?? 'no answer').to.be.oneOf([504, 'no answer']);
    expect(cluster.leftovers()).to.deep.equal([]);
  });

  it('responds 504 to requests that still run when DRAIN_MS is over, and exits with 0', async function () {
    this.timeout(30_000);
    await cluster.dispose();
    cluster = await startCluster({ config: HAZARDS, env: { DRAIN_MS: '500' } });
    const wire = await Wire.open(cluster.url);
    const response = wire.request('GET', '/hang');
    expect((await get(`${cluster.url}/thread`)).status).to.equal(200);
    expect(await cluster.stop('SIGTERM')).to.deep.equal({ code: 0, signal: null });
    expect((await response)?.status).to.equal(504);
  });
});
