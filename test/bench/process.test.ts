import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { serverEnvironment } from '#bench/process/environment.js';
import { openFileLimit, requireOpenFiles } from '#bench/process/file-limit.js';
import { cpuTime, descendants, machineBusy, pssMiB, statFields, treeOf } from '#bench/process/proc.js';
import { ProcessGroups } from '#bench/process/process-groups.js';
import { addressIn, startServer } from '#bench/process/server.js';
import { exactOr, ranBetween } from '#bench/process/window.js';

describe('what the bench reads from /proc', () => {
  it('finds the fields behind a name with spaces and parentheses', () => {
    const stat = `42 (a) b (c) S 7 ${Array.from({ length: 20 }, (_, index) => index + 5).join(' ')}`;
    expect(statFields(stat)(4)).to.equal(7);
    expect(statFields(stat)(14)).to.equal(14);
  });

  it('follows children of children, and no other process', () => {
    const parents = new Map([
      [2, 1],
      [3, 2],
      [4, 9],
      [5, 3],
    ]);
    expect(descendants(1, parents)).to.deep.equal([1, 2, 3, 5]);
  });

  it('counts stolen time as busy, but not waiting', () => {
    const before = machineBusy('cpu  10 0 10 1000 500 0 0 0 0 0\n');
    expect(machineBusy('cpu  10 0 10 2000 900 0 0 0 0 0\n')).to.equal(before);
    expect(machineBusy('cpu  10 0 10 1000 500 0 0 5 0 0\n')).to.be.above(before);
  });

  describe('of a server of two processes', () => {
    let parent: ChildProcess;

    before(async () => {
      const child = `const until = process.cpuUsage().user + 200e3;
        while (process.cpuUsage().user < until);
        process.send(0);
        setInterval(() => {}, 1e6);`;
      const program = `const c = require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(child)}, 'x'],
        { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }); c.once('message', () => console.log('done'));`;
      parent = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(parent.stdout!, 'data');
    });

    after(async () => {
      const exited = once(parent, 'exit');
      for (const pid of treeOf(parent.pid!).toReversed()) process.kill(pid, 'SIGKILL');
      await exited;
    });

    it('contains the CPU time and the memory of both', () => {
      const [first, second, ...rest] = treeOf(parent.pid!);
      expect(first).to.equal(parent.pid);
      expect(rest).to.deep.equal([]);
      expect(cpuTime(parent.pid!).user).to.be.at.least(200_000);
      expect(pssMiB(parent.pid!)).to.be.above(pssMiB(second!));
    });
  });
});

describe('the CPU time of a window', () => {
  it('is that of the threads that were there at the end', () => {
    const begun = new Map([
      ['1/1', 5_000_000],
      ['1/2', 1_000_000],
    ]);
    const ended = new Map([
      ['1/1', 7_000_000],
      ['1/3', 500_000],
    ]);
    expect(ranBetween(begun, ended)).to.equal(2500);
  });

  it('is the exact one, unless ended threads have taken theirs with them', () => {
    expect(exactOr(50_000, 54_321)).to.equal(54_321);
    expect(exactOr(500_000, 100_000)).to.equal(500_000);
    expect(exactOr(500_000, 0), 'a kernel without schedstat').to.equal(500_000);
  });
});

describe('the line that reports a server ready', () => {
  it('contains the address, and no other line is taken for it', () => {
    expect(addressIn('ready http://127.0.0.1:8080')).to.equal('http://127.0.0.1:8080');
    expect(addressIn('multilane ready http://127.0.0.1:1 admin http://127.0.0.1:2')).to.equal(
      'http://127.0.0.1:1',
    );
    expect(addressIn('already http://127.0.0.1:1')).to.equal(undefined);
    expect(addressIn('worker ready')).to.equal(undefined);
  });
});

describe('the limit of open files', () => {
  it('is the soft one, or none', () => {
    const line =
      'Max cpu time  1  2  s\nMax open files            1024                 4096                 files\n';
    expect(openFileLimit(line)).to.equal(1024);
    expect(openFileLimit(line.replace('1024', 'unlimited'))).to.equal(Number.POSITIVE_INFINITY);
    expect(openFileLimit()).to.be.above(0);
  });

  it('must have room for the connections and for other files, and the message names the number', () => {
    expect(() => requireOpenFiles(10_000, 10_499)).to.throw(
      '10000 connections need 10500 open files, but the limit is 10499: raise it (ulimit -n 10500)',
    );
    expect(() => requireOpenFiles(10_000, 10_500)).not.to.throw();
    expect(() => requireOpenFiles(0, 1), 'no connections are measured').not.to.throw();
  });
});

describe('the environment of a server', () => {
  it('has its own variables, and nothing of the shell that changes a result', () => {
    const shell = {
      ...{ PATH: '/bin', HOME: '/root', TMPDIR: undefined },
      ...{ MULTILANE_WORKERS: '9', LOG_LEVEL: 'debug', OTEL_TRACES_EXPORTER: 'otlp' },
      ...{ NODE_OPTIONS: '--no-opt', UV_THREADPOOL_SIZE: '1', GOMAXPROCS: '1' },
    };
    expect(serverEnvironment({ WORKERS: '2' }, shell)).to.deep.equal({
      PATH: '/bin',
      HOME: '/root',
      WORKERS: '2',
    });
  });

  it('is the one with which it is started', async () => {
    const program =
      "console.error('ready http://x', process.env.LOG_LEVEL, process.env.WORKERS); setInterval(() => {}, 1e6)";
    const own = { LOG_LEVEL: process.env.LOG_LEVEL };
    process.env.LOG_LEVEL = 'debug';
    try {
      const command = { name: 'x', command: process.execPath, args: ['-e', program], env: { WORKERS: '2' } };
      const server = await startServer(command);
      await server.stop();
      expect(server.readyLine).to.equal('ready http://x undefined 2');
    } finally {
      if (own.LOG_LEVEL === undefined) delete process.env.LOG_LEVEL;
      else process.env.LOG_LEVEL = own.LOG_LEVEL;
    }
  });
});

describe('the children of the bench', () => {
  it('share one listener of the exit, which goes with the last of them', async () => {
    const groups = new ProcessGroups();
    const before = process.listenerCount('exit');
    const children = Array.from({ length: 12 }, () =>
      spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore', detached: true }),
    );
    for (const child of children) groups.add(child);
    expect(process.listenerCount('exit')).to.equal(before + 1);
    const exits = children.map((child) => once(child, 'exit'));
    // As at the end of this process.
    (process.listeners('exit').at(-1) as () => void)();
    await Promise.all(exits);
    expect(process.listenerCount('exit')).to.equal(before);
  });
});
