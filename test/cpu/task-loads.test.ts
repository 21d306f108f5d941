// The load of a tasks module in the threads of the CPU pool.
import { randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LoadFailures } from '#src/cpu/load-failures.js';
import { TaskMarks } from '#src/cpu/task-marks.js';
import { accepts, freePort } from '#test/support/ports.js';
import { until } from '#test/support/until.js';
import { rejection, TestPool } from './task-kit.js';

const MODULE = new URL('./loading-tasks.js', import.meta.url);

describe('the load of a tasks module', () => {
  const file = join(tmpdir(), `loading-${randomUUID()}`);
  const ends: string[] = [];
  const labels = new Set<string | undefined>();
  let kit: TestPool;
  const start = (threads: number): void => {
    kit = new TestPool(threads, {
      graceMs: 250,
      tasks: MODULE,
      observer: {
        waited() {},
        used: (_service, task) => void labels.add(task),
        threadEnded: (reason) => void ends.push(reason),
      },
    });
  };
  beforeEach(() => {
    process.env.LOADING_FAILS = file;
    ends.length = 0;
    labels.clear();
  });
  afterEach(async () => {
    delete process.env.LOADING_FAILS;
    delete process.env.LOADING_MS;
    delete process.env.LOADING_DOES;
    delete process.env.LOADING_PORT;
    rmSync(file, { force: true });
    await kit.close();
  });

  it('that fails for a moment fails no task afterwards, whichever threads have failed', async () => {
    writeFileSync(file, '');
    start(2);
    const fail = (): Promise<Error> => rejection(kit.cpu.run('countRuns', null));
    for (const { message } of await Promise.all([fail(), fail(), fail(), fail()]))
      expect(message).to.include('not now');
    rmSync(file);
    const run = (): Promise<boolean> =>
      kit.cpu.run('countRuns', null).then(
        () => true,
        () => false,
      );
    await until(
      async () => (await Promise.all(Array.from({ length: 20 }, run))).every((isOk) => isOk),
      (areOk) => areOk,
    );
    for (let n = 0; n < 50; n += 1) expect(await run()).to.equal(true);
    expect(new Set(ends)).to.deep.equal(new Set(['load']));
    expect(kit.lines[0]).to.include({ level: 50, task: 'countRuns', service: 'demo' });
    expect(kit.lines[0]?.msg).to.include('could not load the tasks module of service demo');
    expect(JSON.stringify(kit.lines[0])).to.include('not now');
  });

  it('that takes longer than callers wait is done beside a flood of another service on two threads', async () => {
    process.env.LOADING_MS = '700';
    start(2);
    const flood = kit.worker().tasks('flood', new URL('./task-fixture.js', import.meta.url));
    let isOver = false;
    const client = async (): Promise<void> => {
      while (!isOver) await flood.run('burn', 5);
    };
    const clients = Array.from({ length: 8 }, client);
    const hasty = kit.worker(300).tasks('hasty', MODULE);
    const hasRun = (): Promise<boolean> =>
      hasty.run('countRuns', null).then(
        () => true,
        () => false,
      );
    await until(hasRun, (isDone) => isDone);
    isOver = true;
    await Promise.all(clients);
  }).timeout(20_000);

  it('that takes longer than callers wait goes on without them, and runs nothing for them', async () => {
    process.env.LOADING_MS = '700';
    start(1);
    const hasty = kit.worker(100).tasks('demo', MODULE);
    for (let n = 0; n < 3; n += 1)
      expect(await rejection(hasty.run('countRuns', null))).to.include({ code: 'DEADLINE_EXCEEDED' });
    expect(await kit.cpu.run('countRuns', null)).to.include({ runs: 1 });
    expect(await hasty.run('countRuns', null)).to.include({ runs: 2 });
    expect(ends).to.deep.equal([]);
  });

  for (const threads of [1, 2])
    it(`that hangs keeps no thread from other services, of ${threads}`, async () => {
      process.env.LOADING_MS = '60000';
      start(threads);
      const hasty = kit.worker(200).tasks('hasty', MODULE);
      const other = kit.worker(5_000).tasks('other', new URL('./task-fixture.js', import.meta.url));
      for (let round = 0; round < 3; round += 1) {
        const hanging = Array.from({ length: threads }, () => rejection(hasty.run('countRuns', null)));
        for (const error of await Promise.all(hanging))
          expect(error).to.include({ code: 'DEADLINE_EXCEEDED' });
        expect(await other.run('echo', round)).to.equal(round);
      }
    }).timeout(20_000);

  it('that rejects a promise which nothing awaits is done nevertheless, and the log names it', async () => {
    process.env.LOADING_DOES = 'reject';
    start(1);
    expect(await kit.cpu.run('countRuns', null)).to.include({ runs: 1 });
    expect(await kit.cpu.run('countRuns', null)).to.include({ runs: 2 });
    await until(
      () => kit.lines.length,
      (lines) => lines > 0,
    );
    expect(kit.lines.map(({ msg }) => msg)).to.deep.equal([
      'uncaught exception of the load of a tasks module',
    ]);
    expect(kit.lines[0]).to.include({ level: 50, task: 'countRuns', service: 'demo' });
    expect(kit.lines[0]?.err).to.include({ message: 'stray' });
  });

  it('that listens is done without its listener, and the log names the line', async () => {
    const port = await freePort();
    process.env.LOADING_DOES = 'listen';
    process.env.LOADING_PORT = String(port);
    start(1);
    expect(await kit.cpu.run('countRuns', null)).to.include({ runs: 1 });
    await until(
      () => kit.lines.length,
      (lines) => lines > 0,
    );
    expect(kit.lines).to.have.length(1);
    expect(kit.lines[0]).to.include({ level: 50, task: 'countRuns', service: 'demo' });
    expect(kit.lines[0]?.msg).to.match(
      new RegExp(`loading-tasks\\.[jt]s:\\d+:\\d+: it listened on port ${port} by itself, .* was closed`),
    );
    expect(await accepts(port)).to.equal(false);
    expect(await kit.cpu.run('countRuns', null)).to.include({ runs: 2 });
  });

  it('that calls process.exit fails as others do: threads are replaced ever more rarely', async () => {
    process.env.LOADING_DOES = 'exit';
    start(1);
    for (let n = 0; n < 20; n += 1)
      expect((await rejection(kit.cpu.run('countRuns', null))).message).to.include('process.exit()');
    expect(new Set(ends)).to.deep.equal(new Set(['load']));
    expect(ends.length).to.be.lessThan(10);
  });

  it('replaces threads ever more rarely when it never succeeds', () => {
    let now = 0;
    const failures = new LoadFailures(() => now);
    const replaced: number[] = [];
    for (; now < 600_000; now += 100) if (failures.mayReplace('m', 2)) replaced.push(now);
    // Two at once, and then after 1, 3, 7, 15, 31 s and so on, at most 30 s apart.
    expect(replaced.slice(0, 6)).to.deep.equal([0, 100, 1_000, 1_100, 3_000, 3_100]);
    expect(replaced.length).to.be.within(40, 54);
    failures.loaded('m');
    expect(failures.mayReplace('m', 2)).to.equal(true);
  });

  it('replaces threads ever more rarely also when each failure takes long', () => {
    let now = 0;
    const failures = new LoadFailures(() => now);
    let replaced = 0;
    for (; now < 600_000; now += 2_500) if (failures.mayReplace('m', 1)) replaced += 1;
    expect(replaced).to.be.within(18, 27);
  });

  it('that takes more than two seconds in a thread that was there fails no task, and its result is that of the task', async () => {
    process.env.LOADING_MS = '2600';
    start(1);
    const other = kit.worker().tasks('other', new URL('./task-fixture.js', import.meta.url));
    await other.run('echo', 1);
    expect(await kit.cpu.run('countRuns', null)).to.include({ runs: 1 });
    expect(ends).to.deep.equal([]);
  });

  it('makes no label and no mark of a name that the module does not export', async () => {
    start(1);
    for (let n = 0; n < 20; n += 1) {
      const { message } = await rejection(kit.cpu.run(`made up ${n}`, null));
      expect(message).to.include('loading-tasks.js').and.to.include('it exports: countRuns');
      await rejection(kit.cpu.run(`made up ${n}`, null, { signal: AbortSignal.timeout(0) }));
    }
    await kit.cpu.run('countRuns', null);
    expect([...labels]).to.have.members([undefined, 'countRuns']);
    const marks = new TaskMarks();
    const own = marks.of('s', 'own');
    for (let n = 0; n < 5_000; n += 1) {
      marks.of('s', `made up ${n}`);
      marks.forget('s', `made up ${n}`);
    }
    const last = marks.of('s', 'last');
    expect([marks.task(own), marks.task(last)]).to.deep.equal([
      { service: 's', task: 'own' },
      { service: 's', task: 'last' },
    ]);
  });
});
