import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { acquireOwnerLock } from '#src/db/owner-lock.js';
import { StartError } from '#src/errors.js';
import { rejection } from './fixtures/open.js';

type Child = ChildProcessByStdio<Writable, Readable, null>;

describe('the owner lock', () => {
  let folder: string;
  const children: Child[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multilane-lock-'));
  });
  afterEach(async () => {
    await Promise.all(children.splice(0).map(end));
    await rm(folder, { recursive: true });
  });

  const contend = async (pmId?: string): Promise<{ readonly child: Child; readonly said: string }> => {
    const script = fileURLToPath(new URL('./fixtures/contender.js', import.meta.url));
    const slot = pmId === undefined ? [] : [pmId];
    const child = spawn(process.execPath, [script, folder, ...slot], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    return { child, said: said.toString().trim() };
  };
  const end = async (child: Child): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };

  it('is refused while another process holds it, naming the process and the folder', async () => {
    const { child, said } = await contend();
    expect(said).to.equal('owner 1');
    const error = await rejection(acquireOwnerLock(folder));
    expect(error).to.be.instanceOf(StartError);
    expect(error.message).to.equal(`another multilane (pid ${child.pid}) owns DATA_DIR ${folder}`);
  });

  it('is free again at once when its owner was killed', async () => {
    const { child } = await contend();
    await end(child);
    expect((await acquireOwnerLock(folder)).owner.generation).to.equal(2);
  });

  it('is free again when its owner has released it, and the generations go on', async () => {
    for (let generation = 1; generation <= 3; generation++) {
      const lock = await acquireOwnerLock(folder);
      expect(lock.owner.generation).to.equal(generation);
      await lock.release();
    }
    expect(await readdir(folder)).to.deep.equal(['owner-3.json']);
  });

  it('is held against a second start in the same process', async () => {
    await acquireOwnerLock(folder);
    expect(await rejection(acquireOwnerLock(folder))).to.be.instanceOf(StartError);
  });

  it('goes to exactly one of several that start at once, over a lock that is stale or none', async () => {
    for (let round = 0; round < 2; round++) {
      const contenders = await Promise.all(Array.from({ length: 4 }, () => contend()));
      const owners = contenders.filter(({ said }) => said.startsWith('owner'));
      expect(owners.map(({ said }) => said)).to.have.length(1);
      await Promise.all(contenders.map(({ child }) => end(child)));
    }
  });

  const record = async (changes: object): Promise<void> => {
    const lock = await acquireOwnerLock(folder);
    await lock.release();
    const path = join(folder, `owner-${lock.owner.generation}.json`);
    await writeFile(path, JSON.stringify({ ...lock.owner, released: false, ...changes }));
  };

  it('is stale when the pid belongs to a process that started later', async () => {
    await record({ startTime: '1' });
    await acquireOwnerLock(folder);
  });

  it('is stale after a reboot, even if pid and start time agree', async () => {
    await record({ bootId: 'another boot' });
    await acquireOwnerLock(folder);
  });

  it('is not stale as long as everything agrees', async () => {
    await record({});
    expect(await rejection(acquireOwnerLock(folder))).to.be.instanceOf(StartError);
  });

  it('that cannot be read as one is stale', async () => {
    await writeFile(join(folder, 'owner-7.json'), '');
    expect((await acquireOwnerLock(folder)).owner.generation).to.equal(8);
  });

  it('lets a successor in the same slot in, and makes it the eldest when its predecessor is killed', async () => {
    const { child, said } = await contend('3');
    expect(said).to.equal('owner 1');
    for (const stranger of ['4', null]) {
      expect(await rejection(acquireOwnerLock(folder, stranger))).to.be.instanceOf(StartError);
    }
    const successor = await acquireOwnerLock(folder, '3');
    expect(await successor.standing()).to.equal('successor');
    expect((await contend('3')).said, 'two are a take-over that is under way').to.match(/^refused /);
    await end(child);
    expect(await successor.standing()).to.equal('eldest');
    expect(await successor.leave()).to.equal(true);
  });

  it('is let go by a predecessor that leaves: the successor is the last, and stops what both have used', async () => {
    const elder = await acquireOwnerLock(folder, '3');
    const successor = await acquireOwnerLock(folder, '3');
    expect(await elder.leave()).to.equal(false);
    expect(await successor.standing()).to.equal('behind-leaver');
    await elder.release();
    expect(await successor.standing()).to.equal('eldest');
    expect(await successor.leave()).to.equal(true);
    await successor.release();
    expect((await acquireOwnerLock(folder)).owner.generation).to.equal(3);
    expect(await readdir(folder)).to.deep.equal(['owner-3.json']);
  });

  it('tells who owns it, for a successor under the same process manager slot', async () => {
    await acquireOwnerLock(folder, '3');
    const stored = JSON.parse(await readFile(join(folder, 'owner-1.json'), 'utf8')) as unknown;
    expect(stored).to.include({ pid: process.pid, pmId: '3', generation: 1, released: false });
  });

  it('in a folder that does not exist is a StartError that names it', async () => {
    const error = await rejection(acquireOwnerLock(join(folder, 'missing')));
    expect(error).to.be.instanceOf(StartError);
    expect(error.message).to.include(join(folder, 'missing'));
  });
});
