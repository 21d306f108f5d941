// A name by which others on the same machine know whether a process has ended.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { namedProcess } from '#src/process/named-process.js';
import { type ProcessIdentity, startTimeOf, thisProcess } from '#src/process/process-identity.js';

const SELF: ProcessIdentity = { pid: 7, startTime: '100', bootId: 'boot', pidNamespace: 'pid:[1]' };
const named = (change: Partial<ProcessIdentity>, startTime?: string) =>
  namedProcess({ ...SELF, ...change }, () => startTime);

describe('the name of a process', () => {
  it('tells a living process of this machine from one that was killed', async () => {
    const child = spawn(process.execPath, ['--eval', 'process.stdin.resume()']);
    await once(child, 'spawn');
    const pid = child.pid!;
    const { name } = namedProcess({ ...thisProcess(), pid, startTime: startTimeOf(pid)! });
    const { hasEnded } = namedProcess();
    expect(hasEnded(name)).to.equal(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(hasEnded(name)).to.equal(true);
  });

  it('is not that of a later process with the same pid', () => {
    const { name } = named({});
    expect(named({ pid: 8 }, '100').hasEnded(name)).to.equal(false);
    expect(named({ pid: 8 }, '101').hasEnded(name)).to.equal(true);
  });

  it('tells nothing of a process that is hidden', () => {
    expect(named({ pid: 8 }, '?').hasEnded(named({}).name)).to.equal(false);
  });

  it('tells nothing of a process that the system does not let this one ask for', () => {
    const child = spawnSync(process.execPath, ['--version']);
    const { hasEnded, name } = namedProcess();
    const [machine] = name.split(' ');
    expect(hasEnded(`${machine} ${child.pid} 1`)).to.equal(true);
    expect(hasEnded(`${machine} none 1`), 'no pid at all').to.equal(false);
    const kill = Object.getOwnPropertyDescriptor(process, 'kill')!;
    process.kill = () => {
      throw Object.assign(new Error('refused'), { code: 'EACCES' });
    };
    try {
      expect(hasEnded(`${machine} ${child.pid} 1`)).to.equal(false);
    } finally {
      Object.defineProperty(process, 'kill', kill);
    }
  });

  for (const [what, change] of Object.entries({
    'after another boot, as on a copy of the machine': { bootId: 'other' },
    'in another container': { pidNamespace: 'pid:[2]' },
  })) {
    it(`tells nothing ${what}`, () => {
      expect(named(change, undefined).hasEnded(named({}).name)).to.equal(false);
    });
  }

  for (const part of ['bootId', 'pidNamespace', 'startTime'] as const) {
    it(`tells nothing where the system does not show ${part}`, () => {
      const unknown = { [part]: '?' };
      expect(named(unknown, undefined).hasEnded(named(unknown).name)).to.equal(false);
    });
  }

  it('is short', () => {
    expect(namedProcess().name).to.match(/^[0-9a-f]{16} \d+ [\d?]+$/);
  });
});
