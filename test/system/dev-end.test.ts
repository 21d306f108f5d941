// The end of `multilane dev`, whatever its process does.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { isProcessAlive } from '#src/process/process-identity.js';
import { Project } from '#test/support/cli.js';
import { CLI, cleanEnvironment } from '#test/support/cluster.js';
import { until } from '#test/support/until.js';

describe('the end of multilane dev', () => {
  it('comes with a second signal, also while its process does not respond to any', async function () {
    if (process.platform !== 'linux') this.skip(); // its children are read from /proc
    this.timeout(120_000);
    const project = new Project({ 'multilane.config.js': 'await new Promise(() => undefined);' });
    project.install();
    const dev = spawn(process.execPath, [CLI, 'dev', '--no-open', '--port', '0', '--admin-port', '0'], {
      cwd: project.folder,
      env: cleanEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const exited = once(dev, 'exit');
    const written = text(dev.stderr);
    const children = (): readonly number[] =>
      readFileSync(`/proc/${dev.pid}/task/${dev.pid}/children`, 'utf8')
        .split(' ')
        .filter(Boolean)
        .map(Number);
    try {
      // The process, and the one that reads the definition of the project.
      const pids = await until(children, (all) => all.length === 2);
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      // A signal less than 1 s after the first one is the same Ctrl-C.
      const signalled = (): number | null => {
        dev.kill('SIGINT');
        return dev.exitCode;
      };
      await until(signalled, (code) => code !== null);
      expect(await exited, await written).to.deep.equal([1, null]);
      for (const pid of pids)
        expect(
          await until(
            () => isProcessAlive(pid),
            (alive) => !alive,
          ),
        ).to.equal(false);
    } finally {
      dev.kill('SIGKILL');
      project.remove();
    }
  });
});
