import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { expect } from 'chai';
import { dataDirWith, within } from '#test/support/cluster.js';
import { keepAliveLoad } from '#test/support/keep-alive-load.js';
import { reap, remaining } from '#test/support/leftovers.js';
import { type Started, startThrough } from '#test/support/start-through.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';

const CTRL_C = '\x03';
/** The process that the test started may end a moment before the last of its children. */
const LAST_MOMENT_MS = 3000;

describe('a cluster that is started in a terminal', () => {
  let dataDir: string;
  beforeEach(async function () {
    this.timeout(60_000);
    dataDir = await dataDirWith('shop');
  });
  afterEach(async function () {
    this.timeout(20_000);
    await reap(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
  });

  const startInTerminal = (context: Mocha.Context, env?: Record<string, string>): Promise<Started> => {
    const version = spawnSync('script', ['--version'], { encoding: 'utf8' });
    if (!/util-linux/.test(version.stdout ?? '')) {
      context.test!.title += ' (script is not installed: Debian package bsdutils)';
      context.skip();
    }
    // exec: a shell in between would exit with its own 130 on Ctrl-C.
    const command = `exec ${process.execPath} dist/primary.js`;
    return startThrough('script', ['--quiet', '--return', '--command', command, '/dev/null'], dataDir, env);
  };

  it('drains on Ctrl-C under load, and leaves no process running, PostgreSQL included', async function () {
    this.timeout(90_000);
    const started = await startInTerminal(this);
    const load = keepAliveLoad(started.url, ['/api/users/1/orders', '/ready'], 8);
    await within(20_000, load.answered(300), () => JSON.stringify(load.account));
    load.drainBegins();
    started.child.stdin!.write(CTRL_C);
    expect(await started.exited(), started.output()).to.deep.equal({ code: 0, signal: null });
    await within(20_000, load.ended, () => JSON.stringify(load.account));
    expect(load.account.lost).to.deep.equal([]);
    expect(await remaining(dataDir, LAST_MOMENT_MS)).to.deep.equal([]);
  });

  it('logs on Ctrl-C that another one stops it at once, while an idle connection delays the drain', async function () {
    this.timeout(90_000);
    const started = await startInTerminal(this, { DRAIN_MS: '3600000' });
    const wire = await Wire.open(started.url);
    expect((await wire.request('GET', '/health'))?.status).to.equal(200);
    started.child.stdin!.write(CTRL_C);
    const isTold = (): boolean => started.output().includes('press Ctrl-C again to stop at once');
    expect(await until(isTold, (yes) => yes), started.output()).to.equal(true);
    expect(wire.ended).to.equal(false);
    started.child.stdin!.write(CTRL_C);
    expect(await started.exited(), started.output()).to.deep.equal({ code: 1, signal: null });
    await wire.closed();
    expect(await remaining(dataDir, LAST_MOMENT_MS)).to.deep.equal([]);
  });

  it('drains on SIGTERM to npm start, and leaves no process running, PostgreSQL included', async function () {
    this.timeout(90_000);
    const started = await startThrough('npm', ['start'], dataDir);
    const load = keepAliveLoad(started.url, ['/api/users/1/orders', '/ready'], 8);
    await within(20_000, load.answered(300), () => JSON.stringify(load.account));
    load.drainBegins();
    started.child.kill('SIGTERM');
    await started.exited();
    await within(20_000, load.ended, () => JSON.stringify(load.account));
    expect(load.account.lost).to.deep.equal([]);
    expect(await remaining(dataDir, LAST_MOMENT_MS)).to.deep.equal([]);
  });
});
