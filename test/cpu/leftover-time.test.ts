// The time that work of ended tasks takes from the threads of the CPU pool.
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { LeftoverTime } from '#src/cpu/leftover-time.js';
import type { HttpError } from '#src/errors.js';
import { until } from '#test/support/until.js';
import { TestPool } from './task-kit.js';

const A = 1;
const B = 2;

describe('LeftoverTime', () => {
  let now: number;
  let owner: number | undefined;
  let worked: number[];
  let reported: [mark: number, ms: number][];
  let time: LeftoverTime;
  let id = 0;

  beforeEach(() => {
    now = 0;
    owner = undefined;
    reported = [];
    worked = [];
    time = new LeftoverTime({
      owner: () => owner,
      report: (mark, ms) => void reported.push([mark, ms]),
      now: () => now,
    });
    time.begin({ holdUp: (mark) => void worked.push(mark), goOn: (ms) => void worked.push(ms) });
  });

  /** A callback of a task that runs for so long; `within` runs in the middle of it. */
  function callback(of: number | undefined, ms: number, within = () => {}): void {
    const own = ++id;
    owner = of;
    time.before(own);
    now += ms / 2;
    within();
    now += ms / 2;
    time.after(own);
  }

  it('is that of the callbacks of ended tasks, reported by task in pieces', () => {
    callback(undefined, 1_000);
    for (let n = 0; n < 4; n++) {
      callback(A, 4);
      callback(B, 1);
    }
    expect(reported).to.deep.equal([[A, 12]]);
    callback(B, 40);
    expect(reported.at(-1)).to.deep.equal([B, 44]);
  });

  it('belongs to the outer one of two callbacks', () => {
    callback(A, 20, () => callback(B, 50));
    callback(undefined, 20, () => callback(B, 50));
    expect(reported).to.deep.equal([[A, 70]]);
    expect(worked).to.deep.equal([A, 70]);
  });

  it('names a task that takes more than a tenth of a second, and none that takes less for ever', () => {
    for (; now < 60_000; now += 90) callback(A, 9);
    expect(time.spoiler).to.equal(undefined);
    for (let n = 0; n < 10; n++) callback(B, 15);
    callback(A, 200);
    expect(time.spoiler).to.equal(B);
  });
});

describe('what a CPU task has left behind', () => {
  let kit: TestPool;
  const used: Record<string, number> = {};
  const ends: string[] = [];

  beforeEach(() => {
    ends.length = 0;
    kit = new TestPool(1, {
      observer: {
        waited() {},
        used(service, task, use, ms) {
          if (use === 'leftover') used[`${service} ${task}`] = (used[`${service} ${task}`] ?? 0) + ms;
        },
        threadEnded: (reason) => void ends.push(reason),
      },
    });
  });
  afterEach(() => kit.close());

  for (const kind of ['leaveWork', 'leaveLoop', 'leaveFiles']) {
    it(`is measured, named and ended with its thread when it takes time from others (${kind})`, async () => {
      const thread = await kit.cpu.run(kind, 30);
      const other = kit.worker().tasks('other', new URL('./task-fixture.js', import.meta.url));
      let last: unknown = thread;
      let runs = 0;
      while (last === thread) {
        expect(await other.run('double', { n: runs })).to.deep.equal({ doubled: 2 * runs });
        last = await other.run('waitOn', 5);
        runs += 1;
      }
      expect(kit.lines).to.have.lengthOf(1);
      expect(kit.lines[0]).to.include({ level: 40, task: kind, cpuThread: thread });
      expect(kit.lines[0]?.msg).to.include('by work that it does not await');
      expect(ends).to.deep.equal(['leftovers']);
      expect(used[`demo ${kind}`]).to.be.above(60);
      expect(Object.keys(used).filter((name) => name.startsWith('other'))).to.deep.equal([]);
    });
  }

  it('costs no thread while it does nothing, or little', async () => {
    const threads = new Set<unknown>();
    for (let n = 0; n < 200; n++) threads.add(await kit.cpu.run('race', null));
    threads.add(await kit.cpu.run('leaveWork', 0.01));
    for (let n = 0; n < 20; n++) threads.add(await kit.cpu.run('waitOn', 5));
    expect(threads.size).to.equal(1);
    expect(kit.lines).to.deep.equal([]);
    expect(ends).to.deep.equal([]);
  });

  for (const kind of ['leaveEndless', 'leaveMicrotasks']) {
    it(`does not keep the next task for long when it never gives way, and is named (${kind})`, async () => {
      await kit.cpu.run(kind, null);
      const other = kit.worker().tasks('other', new URL('./task-fixture.js', import.meta.url));
      // What is left may begin a little later.
      const results: unknown[] = [];
      for (let n = 0; n < 3 && !results.includes('OVERLOADED'); n++) {
        results.push(await other.run('echo', 1).catch(({ code }: HttpError) => code));
        await new Promise((resolve) => void setTimeout(resolve, 20));
      }
      expect(results).to.include('OVERLOADED');
      expect(kit.lines.map(({ msg }) => msg)).to.deep.equal([
        `CPU task echo could not begin: what CPU task ${kind} has left behind keeps the thread; ending the thread`,
      ]);
      expect(ends).to.deep.equal(['leftovers']);
      expect(await other.run('echo', 2)).to.equal(2);
    });
  }

  it('is a changed built-in that fails one task of another service at most, and not its next ones', async () => {
    for (const kind of ['changeIterator', 'changeOwn']) {
      await kit.cpu.run(kind, null).catch(() => undefined);
      const other = kit.worker().tasks('other', new URL('./task-fixture.js', import.meta.url));
      const results = [];
      for (let n = 0; n < 10; n++) results.push(await other.run('echo', n).catch(() => 'failed'));
      expect(results.filter((one) => one === 'failed').length, kind).to.be.at.most(1);
    }
  });

  it('is not what arrives on a connection that it has made for the next ones', async () => {
    const thread = await kit.cpu.run('askServer', 30);
    for (let n = 0; n < 20; n++) expect(await kit.cpu.run('askServer', 30)).to.equal(thread);
    expect(kit.lines).to.deep.equal([]);
    expect(ends).to.deep.equal([]);
  });

  it('goes on in a thread without tasks', async () => {
    const channel = randomUUID();
    const ears = new BroadcastChannel(channel);
    const told = new Promise((resolve) => {
      ears.onmessage = resolve;
    });
    await kit.cpu.run('leaveShout', channel);
    await told;
    ears.close();
  });

  it('is not blamed for a later task that loops for ever', async () => {
    await kit.cpu.run('race', null);
    await kit.cpu.run('leaveWork', 0.01);
    await kit.cpu.run('waitOn', 30);
    const signal = AbortSignal.timeout(100);
    await Promise.allSettled([kit.cpu.run('spin', 'nobody hears', { signal })]);
    const [line] = await until(
      () => kit.lines,
      (lines) => lines.length > 0,
    );
    expect(line?.msg).to.equal(
      'CPU task spin continues after its deadline or without its caller; ending its thread',
    );
    expect(ends).to.deep.equal(['cancelled']);
  });

  it('is charged for the time for which it keeps a thread', async () => {
    const before = used['demo leaveEndless'] ?? 0;
    await kit.cpu.run('leaveEndless', null);
    await new Promise((resolve) => void setTimeout(resolve, 50));
    const signal = AbortSignal.timeout(300);
    await Promise.allSettled([kit.cpu.run('echo', 1, { signal })]);
    await until(
      () => used['demo leaveEndless'] ?? 0,
      (ms) => ms > before,
    );
    expect(used['demo leaveEndless']! - before).to.be.above(250);
  });

  it('is named when it keeps the thread of the task that is ended, which is not to blame', async () => {
    await kit.cpu.run('leaveWork', 60_000);
    const signal = AbortSignal.timeout(300);
    const [ended] = await Promise.allSettled([kit.cpu.run('waitOn', 60_000, { signal })]);
    expect(ended).to.include({ status: 'rejected', reason: signal.reason });
    const [line] = await until(
      () => kit.lines,
      (lines) => lines.length > 0,
    );
    expect(line?.msg).to.equal(
      'CPU task leaveWork had ended, and what it has left behind keeps the thread of CPU task waitOn; ending the thread',
    );
    expect(ends).to.deep.equal(['leftovers']);
    expect(await kit.cpu.run('echo', 2)).to.equal(2);
  });
});
