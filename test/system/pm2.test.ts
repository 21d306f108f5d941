import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { signalIfAlive } from '#src/process/process-identity.js';
import { get } from '#test/support/client.js';
import { keepAliveLoad, type LoadAccount } from '#test/support/keep-alive-load.js';
import { PACE_MS } from '#test/support/pace.js';
import { Pm2 } from '#test/support/pm2.js';
import { newSeed } from '#test/support/random.js';
import { until } from '#test/support/until.js';
import { HAZARDS } from './fixtures/paths.js';

/** The longest time until pm2 serves again after a crash of the whole process. */
const SERVING_AGAIN_MS = 2000;

function expectNothingLost({ lost, refused, closedIdle, statuses }: LoadAccount): void {
  expect(lost).to.deep.equal([]);
  expect(refused + closedIdle).to.equal(0);
  expect(Object.keys(statuses)).to.deep.equal(['200']);
}

describe('an app under pm2', () => {
  let pm2: Pm2;
  before(async function () {
    this.timeout(60_000);
    // The heap is small enough for a handler to exhaust it.
    pm2 = await Pm2.start({ config: HAZARDS, app: { node_args: ['--max-old-space-size=64'] } });
  });
  after(async function () {
    this.timeout(60_000);
    await pm2.dispose();
  });

  it('has the logs of the primary and of the workers in the log file of pm2', async () => {
    await pm2.ask('/log');
    const logged = await until(
      () => pm2.stdout(),
      (text) => text.includes('a line of the handler'),
    );
    const lines = logged
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const [ready] = lines.filter(({ msg }) => msg === 'ready');
    expect(ready).to.include({ level: 30 }).and.not.have.property('worker');
    expect(lines.find(({ msg }) => msg === 'a line of the handler')).to.include.keys('worker', 'trace_id');
  });

  const seed = newSeed();
  it(`loses no request to a reload, on kept, idle and new connections (seed ${seed})`, async function () {
    this.timeout(60_000);
    const before = await pm2.servingPid();
    for (const account of await pm2.reloadUnderLoad('/thread', seed)) expectNothingLost(account);
    expect(await pm2.servingPid()).to.not.equal(before);
  });

  it('has an admin plane of a ready process all through a reload', async function () {
    this.timeout(60_000);
    const statuses = new Set<number | string>();
    let ended = false;
    const watch = async (): Promise<void> => {
      while (!ended) {
        const response = await get(`${pm2.adminUrl}/readyz`, { connection: 'close' }).catch(String);
        statuses.add(typeof response === 'string' ? response : response.status);
      }
    };
    const watching = watch();
    await pm2.command('reload', 'multilane');
    ended = true;
    await watching;
    expect([...statuses]).to.deep.equal([200]);
  });

  it('keeps its old process when the new one refuses to start, and the next one takes over', async function () {
    this.timeout(60_000);
    const before = await pm2.servingPid();
    const broken = join(pm2.dataDir, 'broken');
    writeFileSync(broken, '');
    const load = keepAliveLoad(pm2.url, ['/thread'], 2, { paceMs: PACE_MS });
    await load.answered(20);
    const reload = pm2.command('reload', 'multilane');
    const refused = await until(
      () => pm2.app(),
      ({ pid, exitCode }) => pid === 0 && exitCode !== undefined,
    );
    expect(refused).to.include({ pid: 0, exitCode: 78 });
    expect(await pm2.servingPid()).to.equal(before);
    rmSync(broken);
    await pm2.command('restart', 'multilane');
    await reload;
    expect(pm2.stderr().split('does not load').length, 'it is not started again by itself').to.equal(2);
    await load.stop();
    expectNothingLost(load.account);
    expect(await pm2.servingPid()).to.not.equal(before);
  });

  for (const [what, end] of [
    // The request is repeated until the process has ended, so the process may have ended already.
    ['kill -9', (pid: number) => signalIfAlive(pid, 'SIGKILL')],
    ['an abort in native code', () => pm2.ask('/abort')],
    ['an exhausted heap', () => pm2.ask('/leak')],
  ] as const) {
    it(`is serving again at most ${SERVING_AGAIN_MS} ms after ${what}`, async function () {
      this.timeout(120_000);
      const pid = await pm2.servingPid();
      const took = await pm2.outage('/thread', pid, () => end(pid));
      expect(took).to.be.lessThan(SERVING_AGAIN_MS);
      await until(
        () => pm2.app(),
        ({ status }) => status === 'online',
      );
    });
  }

  it('refuses another app on the same ports, naming the port', async function () {
    this.timeout(60_000);
    for (const [name, changed, setting] of [
      ['data', { ADMIN_PORT: '0' }, 'data plane'],
      ['admin', { PORT: '0' }, 'ADMIN_PORT'],
    ] as const) {
      await pm2.startApp(name, { config: HAZARDS, env: changed, app: { autorestart: false } });
      expect(await pm2.app(name)).to.include({ pid: 0, exitCode: 1 });
      const port = new URL(name === 'data' ? pm2.url : pm2.adminUrl).port;
      expect(pm2.stderr(name)).to.include(port).and.include(setting);
    }
  });

  it('ends in order when it is stopped, and leaves nothing but the daemon', async function () {
    this.timeout(60_000);
    await pm2.command('stop', 'multilane');
    expect(await pm2.app()).to.include({ status: 'stopped', exitCode: 0 });
    const last = pm2.stdout().trim().split('\n').at(-1)!;
    expect(JSON.parse(last), 'the last line of the process').to.include({
      msg: 'worker ended',
      reason: 'drained',
    });
    expect(pm2.leftovers().filter((line) => !line.includes('God Daemon'))).to.deep.equal([]);
  });
});
