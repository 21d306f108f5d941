// How callers share the queue of the CPU pool, and what happens to threads that cannot be ended.
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { runInScope } from '#src/scope.js';
import { until } from '#test/support/until.js';
import { FIXTURE, rejection, running, scopeOf, TestPool, tell } from './task-kit.js';

/** Runs tasks for one route. */
function from<T>(template: string, begin: () => Promise<T>): Promise<T> {
  const route = { service: 'demo', method: 'GET', template };
  return runInScope(scopeOf(Deadline.after(60_000), undefined, route), begin);
}

describe('the queue of the CPU pool', () => {
  let kit: TestPool;
  afterEach(() => kit.close());

  it('gives each route its share and its turn, though another route fills it', async () => {
    kit = new TestPool(1, { maxQueue: 4 });
    const { cpu, pool } = kit;
    const channel = randomUUID();
    const first = await running(channel, () => cpu.run('untilTold', channel));
    const ended: string[] = [];
    const refused: string[] = [];
    const call = (route: string, name: string): Promise<unknown> =>
      from(route, () => cpu.run('echo', name)).then(
        () => ended.push(name),
        (error: unknown) => {
          expect(error).to.include({ code: 'CPU_QUEUE_FULL', status: 503, retryable: true });
          refused.push(name);
        },
      );
    const hot = ['hot 1', 'hot 2', 'hot 3', 'hot 4', 'hot 5'].map((name) => call('/hot', name));
    await hot[4];
    expect(refused).to.deep.equal(['hot 5']);
    const calm = [call('/calm', 'calm 1'), call('/calm', 'calm 2'), call('/other', 'other')];
    await Promise.all([hot[2], hot[3]]);
    await call('/hot', 'hot 6');
    expect(pool.queueLength).to.equal(4);
    tell(channel);
    await Promise.all([first.result, ...hot, ...calm]);
    expect(ended).to.deep.equal(['hot 1', 'calm 1', 'other', 'calm 2']);
    expect(refused).to.have.members(['hot 5', 'hot 4', 'hot 3', 'hot 2', 'hot 6']);
    expect(pool.refused).to.deep.equal({ queue: 1, route_share: 4, service_share: 0 });
  });

  it('is taken in the order of the priorities that calls ask for, and the wait is in their spans', async () => {
    kit = new TestPool(1);
    await kit.cpu.run('echo', 0);
    const channel = randomUUID();
    const first = await running(channel, () => kit.cpu.run('untilTold', channel));
    const ended: string[] = [];
    const runs = (['low', 'normal', 'high'] as const).flatMap((priority) =>
      [1, 2, 3, 4].map((n) => kit.cpu.run('echo', n, { priority }).then(() => void ended.push(priority))),
    );
    tell(channel);
    await Promise.all([first.result, ...runs]);
    const ranks = (['high', 'normal', 'low'] as const).map((priority) =>
      ended.reduce((sum, one, rank) => (one === priority ? sum + rank : sum), 0),
    );
    expect(ranks).to.deep.equal(ranks.toSorted((a, b) => a - b));
    expect(new Set(ranks).size).to.equal(3);
    expect(kit.waits).to.have.length(14);
    expect(Math.min(...kit.waits)).to.be.at.least(0);
  });

  it('keeps a thread for other services while a service runs long tasks', async () => {
    kit = new TestPool(2);
    const long = kit.worker().tasks('long', FIXTURE);
    await kit.cpu.run('echo', 0);
    // What is usual follows the newest task by a fifth.
    await long.run('burn', 2_700);
    const channel = randomUUID();
    const first = await running(channel, () => long.run('untilTold', channel));
    const others = [1, 2, 3].map((n) => long.run('double', { n }));
    for (let n = 0; n < 5; n++) expect(await kit.cpu.run('echo', n)).to.equal(n);
    expect(kit.pool).to.include({ running: 1, queueLength: 3 });
    tell(channel);
    await first.result;
    expect(await Promise.all(others)).to.deep.equal([1, 2, 3].map((n) => ({ doubled: 2 * n })));
  });

  it('is shared by task outside of requests', async () => {
    kit = new TestPool(1, { maxQueue: 2 });
    // Tasks that have never run share a line: their names may be made up.
    for (const task of ['echo', 'thread']) await kit.cpu.run(task, null);
    const channel = randomUUID();
    const first = await running(channel, () => kit.cpu.run('untilTold', channel));
    const hot = [1, 2].map((n) => kit.cpu.run('echo', n).catch(({ code }: { code: string }) => code));
    const thread = kit.cpu.run('thread', null);
    expect(await hot[1]).to.equal('CPU_QUEUE_FULL');
    tell(channel);
    await first.result;
    expect([await hot[0], await thread]).to.deep.equal([1, await kit.cpu.run('thread', null)]);
  });
});

describe('a thread of the CPU pool in native code', () => {
  let kit: TestPool;
  let folder: string;
  /** Child processes, each of which keeps one thread in native code until it is killed. */
  let children: number[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'multilane-native-'));
    children = [];
    kit = new TestPool(1);
  });

  afterEach(async () => {
    for (const child of children) process.kill(child);
    await kit.close();
    expect(await stuck(0)).to.equal(0);
    rmSync(folder, { recursive: true });
  });

  /** Starts a task that stays in native code until its child is killed. Resolves once it is there. */
  async function startNative(signal?: AbortSignal): Promise<{ result: Promise<Error> }> {
    const file = join(folder, randomUUID());
    const result = rejection(kit.cpu.run('untilKilled', file, signal && { signal }));
    const pid = await until(
      () => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0),
      (id) => id > 0,
    );
    expect(pid).to.be.above(0);
    children.push(pid);
    return { result };
  }

  /** Does the same, and aborts the task. */
  async function stick(): Promise<void> {
    const controller = new AbortController();
    const { result } = await startNative(controller.signal);
    controller.abort();
    expect(await result).to.equal(controller.signal.reason);
  }

  const stuck = (count: number): Promise<number> =>
    until(
      () => kit.pool.unfinished.length,
      (length) => length === count,
    );

  it('is replaced a bounded number of times, after which tasks wait until one has ended', async () => {
    const { cpu, pool } = kit;
    for (let count = 1; count <= 3; count++) {
      await stick();
      expect(await cpu.run('echo', count)).to.equal(count);
      expect(await stuck(count)).to.equal(count);
    }
    await stick();
    expect(await stuck(4)).to.equal(4);
    const late = rejection(kit.worker(50).tasks('demo', FIXTURE).run('echo', 0));
    expect(await late).to.include({ code: 'DEADLINE_EXCEEDED' });
    const waiting = cpu.run('echo', 5);
    process.kill(children.pop()!);
    expect(await waiting).to.equal(5);
    expect(pool.unfinished.map(({ task }) => task)).to.deep.equal(Array(3).fill('untilKilled'));
  });

  it('does not delay the end of the pool, and is listed as unfinished until it has ended', async () => {
    const { pool } = kit;
    const { result } = await startNative();
    expect(pool.unfinished).to.deep.equal([]);
    await pool.close({ withinMs: 0 });
    expect(pool.unfinished.map(({ task }) => task)).to.deep.equal(['untilKilled']);
    expect(await result).to.include({ code: 'DRAINING' });
    process.kill(children.pop()!);
    expect(await stuck(0)).to.equal(0);
  });
});
