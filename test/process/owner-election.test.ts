import { expect } from 'chai';
import fc from 'fast-check';
import {
  acquire,
  type Claimant,
  type Owner,
  type OwnerEntries,
  type OwnerLock,
  type OwnerState,
} from '#src/process/owner-election.js';

const claimant = (pid: number, slot: string | null): Claimant => ({
  pid,
  startTime: '1',
  bootId: 'boot',
  pidNamespace: 'container',
  device: '1',
  inode: '1',
  slot,
});

/**
 * Processes that live and the entries that they share. Each access is a step, which the scheduler puts
 * anywhere.
 */
class World {
  readonly alive = new Set<number>();
  readonly #owners = new Map<number, Owner>();
  readonly #scheduler: fc.Scheduler;
  #pids = 0;

  constructor(scheduler: fc.Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Does an action of a process, unless that is killed before. */
  async step<T>(pid: number, action: () => T): Promise<T> {
    await this.#scheduler.schedule(Promise.resolve());
    if (!this.alive.has(pid)) return new Promise<never>(() => undefined);
    return action();
  }

  entriesOf(pid: number): OwnerEntries {
    const owners = this.#owners;
    return {
      generations: () => this.step(pid, () => [...owners.keys()].sort((a, b) => a - b)),
      read: (generation) => this.step(pid, () => owners.get(generation)),
      create: (owner) =>
        this.step(pid, () => !owners.has(owner.generation) && !!owners.set(owner.generation, owner)),
      markLeaving: (generation) => this.step(pid, () => this.#mark(generation, 'leaving')),
      markReleased: (generation) => this.step(pid, () => this.#mark(generation, 'released')),
      remove: (generation) => this.step(pid, () => void owners.delete(generation)),
    };
  }

  start(
    slot: string | null,
    pidNamespace = 'container',
  ): { readonly pid: number; readonly lock: ReturnType<typeof acquire> } {
    const pid = ++this.#pids;
    this.alive.add(pid);
    const lock = acquire(this.entriesOf(pid), { ...claimant(pid, slot), pidNamespace }, async (owner) =>
      this.alive.has(owner.pid),
    );
    return { pid, lock };
  }

  #mark(generation: number, state: OwnerState): void {
    const owner = this.#owners.get(generation);
    if (owner === undefined) throw new Error('no such entry');
    this.#owners.set(generation, { ...owner, state });
  }

  /** Nothing of what was in it is there any more. */
  replaceFolder(): void {
    this.#owners.clear();
  }

  removeEntry(generation: number): void {
    this.#owners.delete(generation);
  }

  kill(pid: number): void {
    this.alive.delete(pid);
  }
}

/**
 * The server that both use. It outlives the process that has started it, and must not be started twice at
 * once.
 */
interface Server {
  running: boolean;
  starter: number | undefined;
}

/**
 * One life of a process: becomes an owner, starts the server if it is its turn, uses it, leaves. A kill may
 * end it anywhere.
 */
async function live(world: World, server: Server, slot: string, users: Set<number>): Promise<void> {
  const { pid, lock } = world.start(slot);
  const outcome = await lock;
  if (!('release' in outcome)) return world.kill(pid);
  await launch(world, server, pid, outcome);
  users.add(pid);
  await world.step(pid, () => expect(server.running, 'a server that is in use is there').to.equal(true));
  users.delete(pid);
  if (await outcome.leave()) {
    await world.step(pid, () => {
      const living = [...users].filter((user) => world.alive.has(user));
      expect(living, 'no process uses the server when it is stopped').to.deep.equal([]);
      server.running = false;
    });
  }
  await outcome.release();
  world.kill(pid);
}

async function launch(world: World, server: Server, pid: number, lock: OwnerLock): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) {
    const status = await lock.status();
    if (status === 'behind-leaving-elder') continue;
    if (await world.step(pid, () => server.running)) return;
    if (status !== 'eldest') continue;
    await world.step(pid, () => {
      const other = server.starter !== undefined && world.alive.has(server.starter);
      expect(other, 'one at a time starts the server').to.equal(false);
      server.starter = pid;
    });
    await world.step(pid, () => {
      server.running = true;
      server.starter = undefined;
    });
    return;
  }
  throw new Error('it is never its turn');
}

describe('the election of an owner', () => {
  const scheduler = fc.scheduler();

  it('has one owner at a time outside of pm2, whichever processes are killed at whatever time', async () => {
    const kills = fc.array(fc.nat(60), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(scheduler, kills, async (s, at) => {
        const world = new World(s);
        let holders: number[] = [];
        const starter = async (): Promise<void> => {
          for (let turn = 0; turn < 4; turn += 1) await once();
        };
        const once = async (): Promise<void> => {
          const { pid, lock } = world.start(null);
          const outcome = await lock;
          if (!('release' in outcome)) return world.kill(pid);
          await world.step(pid, () => {
            holders = [...holders.filter((one) => world.alive.has(one)), pid];
            expect(holders).to.have.length(1);
          });
          await world.step(pid, () => {
            holders = holders.filter((one) => one !== pid);
          });
          await outcome.release();
          world.kill(pid);
        };
        await run(s, world, [starter, starter, starter, starter], at);
      }),
      { numRuns: 300 },
    );
  });

  it('has the server started by one process of a slot and stopped by the last, whichever are killed', async () => {
    const kills = fc.array(fc.nat(120), { maxLength: 2 });
    const begins = fc.array(fc.nat(40), { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(scheduler, kills, begins, async (s, at, delays) => {
        const world = new World(s);
        const server: Server = { running: false, starter: undefined };
        const users = new Set<number>();
        const lives = delays.map((steps) => async () => {
          for (let step = 0; step < steps; step += 1) await s.schedule(Promise.resolve());
          await live(world, server, '0', users);
        });
        await run(s, world, lives, at);
      }),
      { numRuns: 1000 },
    );
  });

  it('lets the elder stop the server when the successor has died before', async () => {
    const { elder, successor, world } = await pair();
    expect(await successor.lock.status()).to.equal('successor');
    world.kill(successor.pid);
    expect(await elder.lock.status()).to.equal('eldest');
    expect(await elder.lock.leave()).to.equal(true);
  });

  it('leaves the server to a successor that lives, and makes it the eldest', async () => {
    const { elder, successor } = await pair();
    expect(await elder.lock.isShared()).to.equal(true);
    expect(await elder.lock.leave()).to.equal(false);
    expect(await successor.lock.status()).to.equal('behind-leaving-elder');
    await elder.lock.release();
    expect(await successor.lock.status()).to.equal('eldest');
    expect(await successor.lock.isShared()).to.equal(false);
    expect(await successor.lock.leave()).to.equal(true);
  });

  it('makes the successor the eldest when the elder is killed', async () => {
    const { elder, successor, world } = await pair();
    world.kill(elder.pid);
    expect(await successor.lock.status()).to.equal('eldest');
  });

  it('refuses a process of another slot, one without a slot, and a third process', async () => {
    const { world, successor } = await pair();
    for (const slot of ['8', null, '7']) {
      expect(await world.start(slot).lock).to.have.property('heldBy');
    }
    expect(await world.start('7', 'another container').lock, 'a slot of another pm2').to.have.property(
      'heldBy',
    );
    world.kill(successor.pid);
    expect(await world.start('7').lock, 'the next try of a successor').to.have.property('release');
  });
});

describe('an owner whose folder was replaced', () => {
  it('does not take an entry of another process with the same generation for its own', async () => {
    const world = new World({ schedule: (task: Promise<unknown>) => task } as fc.Scheduler);
    const enter = async () => {
      const { pid, lock } = world.start('7');
      const outcome = await lock;
      if (!('release' in outcome)) throw new Error('refused');
      return { pid, lock: outcome };
    };
    const before = await enter();
    world.replaceFolder();
    const after = await enter();
    expect(after.lock.owner.generation).to.equal(before.lock.owner.generation);
    expect(await before.lock.newOwner()).to.include({ pid: after.pid });
    await before.lock.leave();
    await before.lock.release();
    expect(await world.start(null).lock, 'the other one still owns it').to.have.property('heldBy');
  });

  it('makes its entry again after it was removed', async () => {
    const world = new World({ schedule: (task: Promise<unknown>) => task } as fc.Scheduler);
    const { pid, lock } = world.start(null);
    const outcome = await lock;
    if (!('release' in outcome)) throw new Error('refused');
    world.replaceFolder();
    expect(await outcome.newOwner()).to.equal(undefined);
    expect(await world.start(null).lock).to.have.nested.property('heldBy.pid', pid);
  });
});

describe('an owner whose entry was removed', () => {
  it('does not take its successor for a stranger', async () => {
    const { elder, successor, world } = await pair();
    world.removeEntry(elder.lock.owner.generation);
    expect(await elder.lock.newOwner()).to.equal(undefined);
    expect(await successor.lock.status()).to.equal('successor');
  });

  it('is replaced by an owner of another slot that came meanwhile, whatever its generation', async () => {
    const world = new World({ schedule: (task: Promise<unknown>) => task } as fc.Scheduler);
    const enter = async () => {
      const { pid, lock } = world.start(null);
      const outcome = await lock;
      if (!('release' in outcome)) throw new Error('refused');
      return { pid, lock: outcome };
    };
    await (await enter()).lock.release();
    const before = await enter();
    world.replaceFolder();
    const stranger = await enter();
    expect(stranger.lock.owner.generation).to.be.below(before.lock.owner.generation);
    expect(await before.lock.newOwner()).to.include({ pid: stranger.pid });
    expect(await stranger.lock.newOwner()).to.equal(undefined);
  });
});

describe('an owner that was taken for dead', () => {
  it('finds the new owner of its folder, and none while there is none', async () => {
    const { elder, successor, world } = await pair();
    expect(await elder.lock.newOwner()).to.equal(undefined);
    expect(await successor.lock.newOwner()).to.equal(undefined);
    world.kill(elder.pid);
    world.kill(successor.pid);
    const { lock: next, pid } = world.start(null);
    expect(await next).to.have.property('release');
    world.alive.add(elder.pid).add(successor.pid);
    expect(await elder.lock.newOwner()).to.include({ pid });
    expect(await successor.lock.newOwner()).to.include({ pid });
  });
});

async function pair() {
  const world = new World({ schedule: (task: Promise<unknown>) => task } as fc.Scheduler);
  const enter = async () => {
    const { pid, lock } = world.start('7');
    const outcome = await lock;
    if (!('release' in outcome)) throw new Error('refused');
    return { pid, lock: outcome };
  };
  return { world, elder: await enter(), successor: await enter() };
}

/** Runs all lives to their end. At each of the given steps it kills the eldest process that lives. */
async function run(
  scheduler: fc.Scheduler,
  world: World,
  lives: readonly (() => Promise<void>)[],
  killAt: readonly number[],
): Promise<void> {
  const failures: unknown[] = [];
  for (const life of lives) life().catch((error: unknown) => failures.push(error));
  for (let step = 0; scheduler.count() > 0; step += 1) {
    if (killAt.includes(step)) for (const pid of [...world.alive].slice(0, 1)) world.kill(pid);
    await scheduler.waitOne();
    await new Promise(setImmediate); // the processes that waited for it reach their next step
  }
  if (failures.length > 0) throw failures[0];
}
