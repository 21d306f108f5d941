import { BroadcastChannel } from 'node:worker_threads';
import { expect } from 'chai';
import { pino } from 'pino';
import { RESTART_LIMITS, type RestartLimits } from '#src/cluster/restarts.js';
import { RollingReload } from '#src/cluster/rolling-reload.js';
import { Supervisor } from '#src/cluster/supervisor.js';
import type { SupervisorOptions } from '#src/cluster/supervisor-options.js';
import { shownAs } from '#src/cluster/worker-life.js';
import { rowsFor } from '#src/cluster/worker-rows.js';
import { loadSettings } from '#src/config/load.js';
import type { Settings } from '#src/config.js';
import { Block } from '#src/memory/block.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { createLogger } from '#src/telemetry/log.js';
import { silentLog } from '#test/support/silent-log.js';
import { until } from '#test/support/until.js';
import type { Fault } from './draining-thread.js';
import { oneGroup } from './one-group.js';

async function settingsOf(env: Readonly<Record<string, string>>): Promise<Settings> {
  const loaded = await loadSettings({
    argv: ['--demo'],
    cwd: import.meta.dirname,
    isTTY: false,
    shop: async () => [],
    env: { LOG_LEVEL: 'silent', ...env },
  });
  if (loaded.kind !== 'run') throw new Error('not settings');
  return loaded.settings;
}

const optionsFor = (settings: Settings, thread: string): SupervisorOptions => ({
  group: oneGroup(new URL(thread, import.meta.url), settings.workers),
  settings,
  block: Block.create({ workers: rowsFor(settings.workers) }),
  series: new SeriesMemory(),
  instanceId: 'test',
  log: pino({ enabled: false }),
  attachCpu: (port) => port.close(),
  reclaim() {},
  logFlightRecord() {},
  restarted() {},
  fatal: (message) => expect.fail(message),
  exhausted: (message) => expect.fail(message),
});

describe('the supervisor', () => {
  for (const [thread, reason] of [
    ['./ending-thread.js', ''],
    ['./exiting-thread.js', ': Error: process.exit(3) was called in a worker (the log has its stack)'],
  ] as const)
    it(`gives up with exit code 70 when threads end again and again before they can serve${reason}`, async () => {
      let given: Supervisor | undefined;
      const restarts: string[] = [];
      const settings = await settingsOf({ WORKERS: '1' });
      const end = await new Promise<{ message: string; exitCode: number }>((resolve) => {
        given = new Supervisor({
          ...optionsFor(settings, thread),
          restarted: (reason) => restarts.push(reason),
          fatal: (message, exitCode) => resolve({ message, exitCode }),
          exhausted: (message) => resolve({ message, exitCode: 0 }),
          // With the real number of attempts, the backoff takes 16 s.
          limits: { ...RESTART_LIMITS, giveUpAfter: 2 },
        });
        given.start();
      });
      expect(end).to.deep.equal({
        message: `worker 1 ended 2 times before it could serve${reason}`,
        exitCode: 70,
      });
      expect(restarts).to.have.length(2);
      await given?.stop(0);
    });

  it('never shows the start of a thread in the future, also when the wall clock is set back', async () => {
    const supervisor = new Supervisor(optionsFor(await settingsOf({ WORKERS: '1' }), './draining-thread.js'));
    supervisor.start();
    const startOfThread = (): number => supervisor.threads[0]!.startedAt.getTime();
    const first = startOfThread();
    const { now } = Date;
    try {
      expect(startOfThread()).to.equal(first);
      Date.now = () => now() - 3_600_000;
      const moved = startOfThread();
      expect(moved).to.be.at.most(Date.now());
      expect(startOfThread(), 'it stays the same from then on').to.equal(moved);
    } finally {
      Date.now = now;
      await supervisor.stop(0);
    }
  });
});

describe('the supervisor of workers whose threads cannot start any more', () => {
  /** The first generation that can start. */
  const supervise = async (
    mendedAt: number,
    over: Partial<SupervisorOptions> = {},
    thread = './mended-thread.js',
  ) => {
    const options = optionsFor(await settingsOf({ WORKERS: '1', DRAIN_MS: '0' }), thread);
    const rotation: string[] = [];
    const lines: string[] = [];
    const supervisor = new Supervisor({
      ...options,
      instanceId: String(mendedAt),
      group: oneGroup(new URL(thread, import.meta.url), 1, {
        add: ({ slot }) => rotation.push(`+${slot}`),
        remove: ({ slot }) => rotation.push(`-${slot}`),
      }),
      log: pino({}, { write: (line: string) => lines.push((JSON.parse(line) as { msg: string }).msg) }),
      limits: { ...RESTART_LIMITS, giveUpAfter: 2 },
      ...over,
    });
    supervisor.start();
    return { supervisor, rotation, lines };
  };

  it('continues while a failed thread serves, logs that, and replaces it when a new one can start', async () => {
    const { supervisor, rotation, lines } = await supervise(4);
    // Serving is not a matter of states: between two attempts, the only thread is the failed one.
    const isRight = new Set<boolean>();
    const inRotation = (): boolean =>
      rotation.filter((move) => move.startsWith('+')).length >
      rotation.filter((move) => move.startsWith('-')).length;
    supervisor.watch(() => {
      for (const { isServing } of supervisor.statuses) isRight.add(isServing === inRotation());
    });
    await supervisor.until(() => supervisor.threads.every(({ state }) => state.kind === 'failing'));
    expect(supervisor.statuses).to.deep.equal([{ worker: 1, kind: 'http', isServing: true }]);
    await supervisor.until((lanes) => lanes.some(({ generation }) => generation === 4));
    await supervisor.until((lanes) => lanes.every(({ state }) => state.kind === 'ready'));
    const [first, second, removed] = rotation;
    expect([...isRight]).to.deep.equal([true]);
    expect([first, removed]).to.deep.equal(['+1', '-1']);
    expect(second).to.match(/^\+/);
    expect(lines).to.include(
      'worker 1 ended 2 times before it could serve; another thread serves, so it is tried again',
    );
    await supervisor.stop(0);
  });

  it('reports a reload whose threads do not get ready, and loads a mended configuration at once', async () => {
    const { supervisor } = await supervise(5);
    const reload = new RollingReload(supervisor, silentLog);
    // The first thread has failed and still serves, the next one has rejected the configuration, and the
    // third waits.
    await supervisor.until(() => supervisor.threads.some(({ generation }) => generation === 2));
    await supervisor.until(() => supervisor.threads.every(({ generation }) => generation !== 2));
    expect(await reload.begin()).to.equal(false);
    expect(await reload.begin()).to.equal(false);
    expect(await reload.begin()).to.equal(true);
    expect(supervisor.workers[0]).to.include({ generation: 5 });
    await supervisor.stop(0);
  });

  it('makes more attempts when the process is short of file descriptors, and logs that', async () => {
    const over = { isShortOfFiles: () => true, limits: { ...RESTART_LIMITS, giveUpAfter: 1 } };
    const { supervisor, lines } = await supervise(4, over, './ending-thread.js');
    await supervisor.until((lanes) => lanes.some(({ generation }) => generation === 3));
    expect(lines.filter((line) => line.includes('ulimit -n'))).to.have.length.at.least(2);
    await supervisor.stop(0);
  });
});

describe('the supervisor of a worker that has served and cannot start any more', () => {
  /** @returns the first generation that is over the number of attempts, or the end of the process */
  const endOf = async (othersServe: boolean): Promise<string> => {
    const options = optionsFor(await settingsOf({ WORKERS: '1', DRAIN_MS: '0' }), './served-thread.js');
    let given: Supervisor | undefined;
    const end = await new Promise<string>((resolve) => {
      given = new Supervisor({
        ...options,
        limits: { ...RESTART_LIMITS, giveUpAfter: 2 },
        othersServe: () => othersServe,
        fatal: (message) => resolve(message),
      });
      given.start();
      void given
        .until((lanes) => lanes.some(({ generation }) => generation === 5))
        .then(() => resolve('continues'));
    });
    await given?.stop(0);
    return end;
  };

  it('continues while threads of another kind serve', async () => {
    expect(await endOf(true)).to.equal('continues');
  });

  it('ends the process where no thread of any kind serves', async () => {
    expect(await endOf(false)).to.equal('worker 1 ended 2 times before it could serve');
  });
});

describe('the supervisor of threads that may be terminated', () => {
  it('leaves none behind at a stop, whatever code of services has done to its messages', async () => {
    const settings = await settingsOf({ WORKERS: '1', DRAIN_MS: '0' });
    const options = optionsFor(settings, './draining-thread.js');
    const fault: Fault = 'deaf';
    const group = { ...options.group, mayTerminate: true };
    const supervisor = new Supervisor({ ...options, group, instanceId: fault });
    supervisor.start();
    await supervisor.until((lanes) => lanes.every(({ state }) => state.kind === 'ready'));
    await supervisor.stop(0);
    expect(supervisor.unfinished).to.deep.equal([]);
  });
});

describe('the supervisor of many workers', () => {
  it('starts all threads, a few at a time', async () => {
    const workers = 7;
    const options = optionsFor(await settingsOf({ WORKERS: String(workers) }), './draining-thread.js');
    const limits = { ...RESTART_LIMITS, startingAtOnce: 2 };
    const supervisor = new Supervisor({ ...options, limits });
    let most = 0;
    supervisor.start();
    await supervisor.until((lanes) => {
      const starting = supervisor.threads.filter(({ state }) => state.kind === 'starting').length;
      most = Math.max(most, starting);
      return lanes.length === workers && lanes.every(({ state }) => state.kind === 'ready');
    });
    expect(most).to.equal(2);
    await supervisor.stop(0);
  });

  it('starts no further threads when it is stopped meanwhile', async () => {
    const options = optionsFor(await settingsOf({ WORKERS: '5' }), './draining-thread.js');
    const limits = { ...RESTART_LIMITS, startingAtOnce: 1 };
    const supervisor = new Supervisor({ ...options, limits });
    supervisor.start();
    await supervisor.until((lanes) => lanes.some(({ state }) => state.kind === 'ready'));
    await supervisor.stop(0);
    expect(supervisor.threads.length).to.be.at.most(2);
    expect(supervisor.unfinished).to.deep.equal([]);
  });
});

describe('the supervisor of threads that use all of their drain time', () => {
  let supervisor: Supervisor;
  const allReady = (): Promise<void> =>
    supervisor.until((lanes) => lanes.every(({ state }) => state.kind === 'ready'));
  const start = async (
    env: Readonly<Record<string, string>>,
    limits: Partial<RestartLimits> = {},
    fault?: Fault,
  ): Promise<void> => {
    const options = optionsFor(await settingsOf(env), './draining-thread.js');
    const instanceId = fault ?? options.instanceId;
    supervisor = new Supervisor({ ...options, instanceId, limits: { ...RESTART_LIMITS, ...limits } });
    supervisor.start();
    if (fault !== 'never ready') await allReady();
  };
  afterEach(async () => {
    await supervisor.stop(0);
    const channel = new BroadcastChannel('multilane/test/draining-thread/end');
    channel.postMessage('end');
    channel.close();
  });
  const count = (...kinds: readonly string[]): number =>
    supervisor.threads.filter(({ state }) => kinds.includes(state.kind)).length;

  it('reloads all workers: starts one by one while drains of a quarter of the workers overlap and all workers serve', async () => {
    await start({ WORKERS: '8', DRAIN_MS: '1500' });
    const seen: { starting: number; ready: number; leaving: number }[] = [];
    let isOver = false;
    // The check runs after every change.
    const watching = supervisor.until(() => {
      seen.push({
        starting: count('starting'),
        ready: count('ready'),
        leaving: count('draining', 'leaving'),
      });
      return isOver;
    });
    const reloaded = await new RollingReload(
      supervisor,
      createLogger({ logLevel: 'silent', logFormat: 'json' }),
    ).begin();
    isOver = true;
    await supervisor.stop(0);
    await watching;
    expect(reloaded).to.equal(true);
    const during = seen.slice(0, seen.findLastIndex(({ ready }) => ready === 8) + 1);
    expect(Math.min(...during.map(({ ready }) => ready))).to.equal(8);
    expect(Math.max(...during.map(({ starting }) => starting))).to.equal(1);
    expect(Math.max(...during.map(({ leaving }) => leaving))).to.equal(2);
  });

  it('replaces and reloads whatever the wall clock does meanwhile, by a monotonic clock', async () => {
    await start({ WORKERS: '1', DRAIN_MS: '0' });
    const times: unknown[] = [];
    const log = { info: ({ ms }: { ms?: number }) => times.push(ms), warn() {}, error() {} };
    const RealDate = globalThis.Date;
    let setBackMs = 0;
    globalThis.Date = class extends RealDate {
      constructor() {
        super(RealDate.now() - setBackMs);
      }
      static override now = (): number => RealDate.now() - setBackMs;
    } as DateConstructor;
    try {
      for (setBackMs of [3_600_000, 7_200_000, 0, 86_400_000]) {
        const { generation } = supervisor.workers[0]!;
        expect(await new RollingReload(supervisor, log as never).begin()).to.equal(true);
        expect(supervisor.workers[0]!.generation).to.equal(generation + 1);
        expect(await supervisor.replace(1, 'heap')).to.include({ isReplaced: true });
        expect(supervisor.workers[0]!.generation).to.equal(generation + 2);
        expect(times.splice(0).at(-1)).to.be.within(0, 60_000);
      }
    } finally {
      globalThis.Date = RealDate;
    }
  });

  it('does not replace a thread that has started after the order', async () => {
    await start({ WORKERS: '1', DRAIN_MS: '0' });
    const before = performance.now();
    await supervisor.replace(1, 'reload', before);
    const { generation } = supervisor.workers[0]!;
    expect(await supervisor.replace(1, 'reload', before)).to.include({ isReplaced: true });
    expect(supervisor.workers[0]!.generation).to.equal(generation);
  });

  it('replaces a worker whose heap is over its limit without waiting for the drain of another', async () => {
    await start({ WORKERS: '2', DRAIN_MS: '3600000' });
    expect(await supervisor.replace(1, 'reload')).to.include({ isReplaced: true });
    expect(await supervisor.replace(2, 'heap')).to.include({ isReplaced: true });
    expect([count('ready'), count('draining')]).to.deep.equal([2, 2]);
  });

  it('cuts drains short when a thread is needed and there is no row for it', async () => {
    await start({ WORKERS: '1', DRAIN_MS: '3600000' }, { failedDrainMs: 20 });
    for (let time = 0; time < 6; time += 1) {
      expect(await supervisor.replace(1, 'heap')).to.include({ isReplaced: true });
      expect(supervisor.threads.length).to.be.at.most(rowsFor(1));
    }
    expect(supervisor.workers[0]?.generation).to.equal(7);
  });

  it('cuts another drain short when the first one does not end', async () => {
    await start({ WORKERS: '1', DRAIN_MS: '3600000' }, { failedDrainMs: 20, overdueMs: 50 }, 'deaf');
    for (let time = 0; time < 3; time += 1) {
      expect(await supervisor.replace(1, 'heap')).to.include({ isReplaced: true });
    }
    expect(supervisor.threads.map(({ generation }) => generation)).to.deep.equal([1, 3, 4]);
  });

  it('ends a reload beside a thread that does not end', async () => {
    await start({ WORKERS: '1', DRAIN_MS: '20' }, { overdueMs: 50 }, 'deaf');
    const reload = new RollingReload(supervisor, createLogger(await settingsOf({})));
    expect(await reload.begin()).to.equal(true);
    const shown = supervisor.threads.map(({ state, isOverdue }) => shownAs(state, isOverdue));
    expect(shown).to.deep.equal(['wedged', 'ready']);
  });

  it('replaces a thread that never gets ready as well', async () => {
    await start({ WORKERS: '1', DRAIN_MS: '0' }, { startMs: 500 }, 'never ready');
    await supervisor.replace(1, 'reload');
    await allReady();
    expect(supervisor.workers[0]?.generation).to.equal(2);
  });
});

describe('the supervisor on a system that refuses threads', () => {
  let isRefusing = false;
  let supervisor: Supervisor;
  const lines: string[] = [];
  let reclaimed = 0;
  const start = async (thread: string, workers: number, instanceId = 'test'): Promise<void> => {
    isRefusing = false;
    lines.length = 0;
    reclaimed = 0;
    const settings = await settingsOf({ WORKERS: String(workers), DRAIN_MS: '0' });
    const entry = new URL(thread, import.meta.url);
    const group = oneGroup(entry, workers);
    supervisor = new Supervisor({
      ...optionsFor(settings, thread),
      instanceId,
      // `new Worker` throws, as it does when the limit of threads is reached.
      group: Object.defineProperty({ ...group }, 'entry', {
        get: () => (isRefusing ? new URL('none:refused') : entry),
      }),
      log: pino({}, { write: (line: string) => lines.push((JSON.parse(line) as { msg: string }).msg) }),
      reclaim() {
        reclaimed += 1;
      },
      limits: { ...RESTART_LIMITS, giveUpAfter: 3 },
    });
    supervisor.start();
  };
  afterEach(() => supervisor.stop(0));

  it('keeps the old threads in a reload, however often, and loses no row by it', async () => {
    await start('./draining-thread.js', 2);
    await supervisor.until((all) => all.every(({ state }) => state.kind === 'ready'));
    const reload = new RollingReload(supervisor, silentLog);
    isRefusing = true;
    for (let time = 0; time < 2 * rowsFor(2); time++) expect(await reload.begin()).to.equal(false);
    expect(supervisor.workers.map(({ state, generation }) => [state.kind, generation])).to.deep.equal([
      ['ready', 1],
      ['ready', 1],
    ]);
    expect(reclaimed).to.be.above(rowsFor(2));
    expect(lines.join()).to.include('the system has refused a thread');
    isRefusing = false;
    expect(await reload.begin()).to.equal(true);
    expect(supervisor.serves).to.equal(true);
  });

  it('tries again to start the successor of a thread that has failed', async () => {
    // The first thread fails and serves until another one does.
    await start('./mended-thread.js', 1, '2');
    isRefusing = true;
    await until(
      () => lines.filter((line) => line.startsWith('the system has refused')).length,
      (times) => times >= 3,
    );
    expect(lines).to.include(
      'worker 1 ended 3 times before it could serve; another thread serves, so it is tried again',
    );
    isRefusing = false;
    await supervisor.until((all) =>
      all.some(({ generation, state }) => generation > 3 && state.kind === 'ready'),
    );
    expect(supervisor.threads.filter(({ state }) => state.kind === 'ready')).to.have.length(1);
  });
});
