import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import fc from 'fast-check';
import { acquire, type Owner, type OwnerEntries } from '#src/db/owner-election.js';
import { acquireOwnerLock } from '#src/db/owner-lock.js';
import { StartError } from '#src/errors.js';
import { rejection } from './fixtures/open.js';

type Child = ChildProcessByStdio<Writable, Readable, null>;

/** Entries in memory, each access a step that the scheduler puts where it likes. */
function scheduledEntries(scheduler: fc.Scheduler): OwnerEntries {
  const owners = new Map<number, Owner>();
  const step = async <T>(action: () => T): Promise<T> => {
    await scheduler.schedule(Promise.resolve());
    return action();
  };
  return {
    generations: () => step(() => [...owners.keys()].sort((a, b) => a - b)),
    read: (generation) => step(() => owners.get(generation)),
    create: (owner) => step(() => !owners.has(owner.generation) && !!owners.set(owner.generation, owner)),
    replace: (owner) => step(() => void owners.set(owner.generation, owner)),
    remove: (generation) => step(() => void owners.delete(generation)),
  };
}

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

  const contend = async (): Promise<{ readonly child: Child; readonly said: string }> => {
    const script = fileURLToPath(new URL('./fixtures/contender.js', import.meta.url));
    const child = spawn(process.execPath, [script, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
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
      const contenders = await Promise.all(Array.from({ length: 4 }, contend));
      const owners = contenders.filter(({ said }) => said.startsWith('owner'));
      expect(owners.map(({ said }) => said)).to.have.length(1);
      await Promise.all(contenders.map(({ child }) => end(child)));
    }
  });

  it('is never held twice, however the steps of several starters interleave', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 4 }), async (scheduler, contenders) => {
        const entries = scheduledEntries(scheduler);
        let holders = 0;
        const contender = async (): Promise<void> => {
          for (let i = 0; i < 4; i++) {
            const outcome = await acquire(entries, null);
            if (!('release' in outcome)) continue;
            expect(++holders).to.equal(1);
            await entries.generations(); // owns it for a while
            holders--;
            await outcome.release();
          }
        };
        const done = Promise.all(Array.from({ length: contenders }, contender));
        await scheduler.waitFor(done);
      }),
      { numRuns: 300 },
    );
  });

  const record = async (changes: object): Promise<void> => {
    const { release, owner } = await acquireOwnerLock(folder);
    await release();
    const path = join(folder, `owner-${owner.generation}.json`);
    await writeFile(path, JSON.stringify({ ...owner, released: false, ...changes }));
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
