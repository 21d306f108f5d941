import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import {
  isPostmasterOf,
  isStillPostmaster,
  matchPostmaster,
  type ProcessFiles,
} from '#src/postgres/postmaster-identity.js';
import { startTimeOf } from '#src/process/process-identity.js';

const CLUSTER = '/data/pg/data';
/** A pid that no process has. */
const DEAD = 0x7fffffff;

const failing = (code: string) => (): string => {
  throw Object.assign(new Error(code), { code });
};
const proc = (workingFolder: () => string, ...args: string[]): ProcessFiles => ({
  workingFolder,
  commandLine: () => args.map((arg) => `${arg}\0`).join(''),
});

describe('the process that a pid file names', () => {
  it('is the postmaster when it works in the data folder', () => {
    expect(
      matchPostmaster(
        process.pid,
        CLUSTER,
        proc(() => CLUSTER),
      ),
    ).to.equal('yes');
    expect(
      matchPostmaster(
        process.pid,
        CLUSTER,
        proc(() => '/', 'postgres', '-D', CLUSTER),
      ),
    ).to.equal('no');
  });

  for (const code of ['EACCES', 'EPERM']) {
    it(`is recognized by its arguments when its folder may not be read (${code})`, () => {
      const closed = failing(code);
      const of = (...args: string[]) => matchPostmaster(process.pid, CLUSTER, proc(closed, ...args));
      expect(of('/opt/postgres', '-D', CLUSTER, '-c', 'port=5432')).to.equal('yes');
      expect(of('/opt/postgres', '-D', `${CLUSTER}2`)).to.equal('no');
      expect(of('/bin/sleep', '60')).to.equal('no');
      expect(of('/bin/ls', CLUSTER)).to.equal('no');
    });

    it(`may be the postmaster when nothing of it may be read (${code})`, () => {
      const hidden = { workingFolder: failing(code), commandLine: failing(code) };
      expect(matchPostmaster(process.pid, CLUSTER, hidden)).to.equal('maybe');
      expect(matchPostmaster(DEAD, CLUSTER, hidden)).to.equal('no');
    });
  }

  it('is not the postmaster if /proc is that of another PID namespace', async function () {
    const container = ['-p', '-f', '--kill-child'];
    if (spawnSync('unshare', [...container, 'true']).status !== 0) this.skip();
    const folder = realpathSync(tmpdir());
    const other = spawn('sleep', ['60'], { cwd: folder });
    try {
      await once(other, 'spawn');
      expect(await isPostmasterOf(other.pid!, folder)).to.equal('yes');
      const script = fileURLToPath(new URL('./fixtures/postmaster-match.js', import.meta.url));
      const args = [...container, process.execPath, script, String(other.pid), folder];
      const { stdout } = spawnSync('unshare', args, { encoding: 'utf8' });
      expect(JSON.parse(stdout)).to.deep.equal({ match: 'no', isAlive: false });
    } finally {
      other.kill('SIGKILL');
    }
  });

  it('is not the postmaster when it has ended meanwhile', () => {
    expect(matchPostmaster(DEAD, CLUSTER, proc(failing('ENOENT')))).to.equal('no');
    expect(
      matchPostmaster(DEAD, CLUSTER, { workingFolder: failing('EACCES'), commandLine: failing('ESRCH') }),
    ).to.equal('no');
  });
});

describe('a postmaster that was found before', () => {
  it('is the same process wherever its folder is by now', async () => {
    const startTime = startTimeOf(process.pid)!;
    expect(await isStillPostmaster({ pid: process.pid, startTime }, '/elsewhere')).to.equal(true);
  });

  it('has ended when no process, or a later one, has its pid', async () => {
    const startTime = startTimeOf(process.pid)!;
    expect(await isStillPostmaster({ pid: DEAD, startTime }, CLUSTER)).to.equal(false);
    expect(await isStillPostmaster({ pid: process.pid, startTime: '1' }, CLUSTER)).to.equal(false);
  });

  it('is judged by its folder where no start time is known', async () => {
    expect(await isStillPostmaster({ pid: process.pid, startTime: '?' }, CLUSTER)).to.equal(false);
    expect(await isStillPostmaster({ pid: process.pid, startTime: '?' }, process.cwd())).to.equal(true);
  });
});
