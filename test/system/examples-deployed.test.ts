// The examples that run under pm2 and as a service of systemd.
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { cleanEnvironment, isolated, newDataDir, ROOT } from '#test/support/cluster.js';
import { useExample, useStarted } from '#test/support/example.js';
import { reap } from '#test/support/leftovers.js';
import { markPending } from '#test/support/pending.js';
import { freePort } from '#test/support/ports.js';

describe('the example pm2', () => {
  const example = useExample('pm2');
  const dataDir = newDataDir();
  let env: Record<string, string>;
  before(async function () {
    this.timeout(60_000);
    env = {
      ...isolated(dataDir),
      PORT: String(await freePort()),
      ADMIN_PORT: String(await freePort()),
      PM2_HOME: join(dataDir, 'pm2'),
      PM2_DISABLE_VERSION_CHECK: 'true',
    };
  });
  const npm = (...args: string[]) =>
    promisify(execFile)('npm', args, { cwd: example.folder, env: cleanEnvironment(env) });
  after(async function () {
    this.timeout(60_000);
    await promisify(execFile)('node_modules/.bin/pm2', ['kill'], {
      cwd: example.folder,
      env: cleanEnvironment(env),
    }).catch(() => undefined); // what is left is ended below
    await reap(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('starts, reloads new code and stops as its README shows', async function () {
    this.timeout(90_000);
    await npm('start');
    const url = `http://127.0.0.1:${env.PORT}`;
    await example.run({ url, adminUrl: `http://127.0.0.1:${env.ADMIN_PORT}` }, example.steps(), env);
    await npm('run', 'stop');
    expect(await fetch(url).catch((error: Error) => error.message)).to.equal('fetch failed');
  });

  it('has the configuration of a new project', () => {
    const template = readFileSync(join(ROOT, 'template/shared/ecosystem.config.cjs'), 'utf8');
    const filled = template.replace(/^.*\{\{flags\}\}.*\n/m, '').replace('{{name}}', 'multilane-example-pm2');
    expect(example.read('ecosystem.config.cjs')).to.equal(filled);
  });
});

describe('the example systemd', () => {
  const example = useExample('systemd');
  const cluster = useStarted(example);

  it('does what its README shows in a terminal', () => example.run(cluster));

  it('installs a unit that systemd accepts, and settings that others cannot read', async function () {
    if (spawnSync('systemd-analyze', ['--version']).error !== undefined)
      markPending(this, 'systemd-analyze is not installed');
    const root = join(example.folder, 'root');
    await promisify(execFile)('sh', ['install.sh', 'greeter'], {
      cwd: example.folder,
      env: cleanEnvironment({ DESTDIR: root }),
    });
    expect(statSync(join(root, 'etc/greeter/environment')).mode & 0o777).to.equal(0o600);
    const unit = join(root, 'etc/systemd/system/greeter.service');
    const text = readFileSync(unit, 'utf8');
    expect(text).to.match(/^ExecStart=\/\S+\/node node_modules\/multilane\/dist\/primary\.js$/m);
    // `verify` prints what is wrong with this unit, and what it finds wrong with those of the machine.
    const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
    const faults = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('greeter'));
    expect(faults).to.deep.equal([]);
  });

  it('refuses to install what npm has not installed', () => {
    const shipped = join(ROOT, 'examples/systemd/install.sh');
    const { status, stderr } = spawnSync('sh', [shipped, 'greeter'], {
      env: cleanEnvironment({ DESTDIR: example.folder }),
      encoding: 'utf8',
    });
    expect({ status, stderr }).to.deep.equal({
      status: 1,
      stderr: 'install.sh: run `npm install` first\n',
    });
  });
});
