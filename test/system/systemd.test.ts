import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { Project } from '#test/support/cli.js';
import { type Cluster, cleanEnvironment, newDataDir, ROOT, startCluster } from '#test/support/cluster.js';
import { until } from '#test/support/until.js';
import { HAZARDS } from './fixtures/paths.js';

const UNIT = join(ROOT, 'deploy/multilane.service');

/** Prints every datagram that arrives, as one line; Node.js cannot receive them. */
const RECEIVER = `
import socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
print('listening', flush=True)
while True:
    print(receiver.recv(4096).decode().strip().replace('\\n', ' '), flush=True)
`;

const isThere = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

describe('a process under systemd', () => {
  const lines: string[] = [];
  let receiver: ChildProcess;
  let cluster: Cluster;
  before(async function () {
    this.timeout(60_000);
    for (const program of ['python3', 'systemd-notify']) {
      if (isThere(program)) continue;
      this.test!.parent!.title += ` (pending: ${program} is not installed)`;
      this.skip();
    }
    const dataDir = newDataDir();
    const socket = join(dataDir, 'notify.socket');
    receiver = spawn('python3', ['-c', RECEIVER, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
    const output = createInterface({ input: receiver.stdout! });
    await once(output, 'line');
    output.on('line', (line) => {
      // The barrier of systemd-notify waits until the receiver has read the earlier messages.
      if (line !== 'BARRIER=1') lines.push(line);
    });
    cluster = await startCluster({
      config: HAZARDS,
      dataDir,
      env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '400000' },
    });
  });
  after(async function () {
    this.timeout(60_000);
    await cluster?.dispose();
    receiver?.kill();
  });

  const notified = (start: string, count = 1): Promise<readonly string[]> =>
    until(
      () => lines.filter((line) => line.startsWith(start)),
      (found) => found.length >= count,
    );

  it('sends READY=1 when it is ready, with a status that names the address', async () => {
    expect((await notified('READY=1'))[0]).to.equal(`READY=1 STATUS=serving on ${cluster.url}`);
  });

  it('sends WATCHDOG=1 regularly when WATCHDOG_USEC is set', async () => {
    expect((await notified('WATCHDOG=1', 3)).length).to.be.at.least(3);
  });

  it('sends RELOADING=1 with the time, and READY=1 when all workers are replaced, for each reload', async function () {
    this.timeout(60_000);
    const before = process.hrtime.bigint() / 1000n;
    cluster.signal('SIGHUP');
    const [reloading] = await notified('RELOADING=1');
    const stamp = BigInt(/^RELOADING=1 MONOTONIC_USEC=(\d+) /.exec(reloading ?? '')?.[1] ?? 0);
    expect(stamp >= before && stamp <= process.hrtime.bigint() / 1000n, reloading).to.equal(true);
    // This reload begins while the first one is under way.
    cluster.signal('SIGHUP');
    expect(await notified('READY=1', 2)).to.have.length(2);
    expect(cluster.logs().filter(({ msg }) => msg === 'reload finished')).to.have.length(2);
    const order = lines.filter((line) => /^(READY|RELOADING)/.test(line)).map((line) => line.split('=')[0]);
    expect(order).to.deep.equal(['READY', 'RELOADING', 'RELOADING', 'READY']);
  });

  it('sends STOPPING=1 when it drains', async function () {
    this.timeout(60_000);
    expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
    expect(await notified('STOPPING=1')).to.deep.equal(['STOPPING=1 STATUS=draining']);
    expect(cluster.logs().filter(({ msg }) => msg === 'cannot notify systemd')).to.deep.equal([]);
  });
});

describe('the unit for systemd', () => {
  const text = readFileSync(UNIT, 'utf8');

  it('is accepted by systemd-analyze', async function () {
    this.timeout(60_000);
    if (!isThere('systemd-analyze')) {
      this.test!.title += ' (pending: systemd-analyze is not installed)';
      this.skip();
    }
    // Complaints about programs and accounts concern this machine, not the unit.
    const verified = await promisify(execFile)('systemd-analyze', [
      'verify',
      '--recursive-errors=no',
      UNIT,
    ]).catch((error: { readonly stderr: string }) => error);
    const complaints = verified.stderr
      .split('\n')
      .filter(
        (line) =>
          line.includes('multilane.service') && /Unknown|Invalid|Failed to parse|ignoring/i.test(line),
      );
    expect(complaints).to.deep.equal([]);
  });

  it('runs the project in the folder of its own name, under that name', () => {
    const named = text.replaceAll('%N', 'shop');
    const value = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(named)?.[1] ?? '';
    for (const key of ['User', 'Group', 'StateDirectory']) expect(value(key)).to.equal('shop');
    expect(value('WorkingDirectory')).to.equal('/opt/shop');
    const [program, ...args] = value('ExecStart').split(' ');
    expect(program).to.equal('/usr/bin/node');
    const project = new Project({
      'multilane.config.mjs': `export default { services: [{ name: 'mine', routes() {} }] };`,
    });
    project.install();
    try {
      const check = spawnSync(process.execPath, [...args, '--check'], {
        cwd: project.folder,
        env: cleanEnvironment(),
        encoding: 'utf8',
      });
      expect(check.stdout, check.stderr).to.match(/^services to mount +mine$/m);
    } finally {
      project.remove();
    }
  });

  it('allows more time than a drain takes by default, and leaves it to the process to stop PostgreSQL', () => {
    const seconds = Number(/^TimeoutStopSec=(\d+)$/m.exec(text)?.[1]);
    expect(seconds).to.be.greaterThan(10 + 15);
    // A reload must fit as well: four drains, and the starts of the workers.
    expect(Number(/^TimeoutStartSec=(\d+)$/m.exec(text)?.[1])).to.be.greaterThan(4 * 10 + 30);
    expect(text).to.match(/^KillMode=mixed$/m);
    expect(text).to.match(/^RestartPreventExitStatus=78$/m);
  });
});
