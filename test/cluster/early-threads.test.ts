import { once } from 'node:events';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { EarlyThreads } from '#src/cluster/early-threads.js';
import type { WorkerBoot } from '#src/cluster/messages.js';

const threads = createRequire(import.meta.url)('node:worker_threads') as { Worker: typeof Worker };
/** A thread that lives until it is ended. */
const ENTRY = new URL(
  `data:text/javascript,${encodeURIComponent(
    "import { workerData } from 'node:worker_threads'; workerData.bootPort.on('message', () => {}); setInterval(() => {}, 1e6);",
  )}`,
);

const ended = (failure: unknown): void => {
  throw new Error('ended', { cause: failure });
};

describe('threads that are started early', () => {
  const Real = threads.Worker;
  let started: Worker[] = [];
  /** Makes the system refuse every thread after so many. */
  const allow = (most: number): void => {
    started = [];
    threads.Worker = class extends Real {
      constructor(...options: ConstructorParameters<typeof Worker>) {
        if (started.length === most) {
          throw Object.assign(new Error('no thread'), { code: 'ERR_WORKER_INIT_FAILED' });
        }
        super(...options);
        started.push(this);
      }
    } as typeof Worker;
    syncBuiltinESMExports();
  };
  const living = (): number => started.filter(({ threadId }) => threadId !== -1).length;

  afterEach(async () => {
    threads.Worker = Real;
    syncBuiltinESMExports();
    await Promise.all(started.map((thread) => thread.terminate()));
  });

  for (const most of [0, 1, 2, 3]) {
    it(`are all ended when the system refuses one after ${most}`, async () => {
      allow(most);
      const early = new EarlyThreads(ENTRY, 'uws');
      expect(() => early.start(4)).to.throw('no thread');
      expect(living()).to.equal(most);
      await early.end();
      expect(living()).to.equal(0);
    });
  }

  it('are ended where they are not taken, and those that were taken are not', async () => {
    allow(3);
    const early = new EarlyThreads(ENTRY, 'uws');
    early.start(3);
    expect(early.take(2, ended)).to.not.equal(undefined);
    expect(early.take(2, ended)).to.equal(undefined);
    await early.end();
    expect(started.map(({ threadId }) => threadId !== -1)).to.deep.equal([false, true, false]);
  });

  it('are ended when what they are to run cannot be posted to them', async () => {
    allow(1);
    const early = new EarlyThreads(ENTRY, 'uws');
    early.start(1);
    const [thread] = started;
    const exit = once(thread!, 'exit');
    const boot = { worker: 1, settings: { hook: () => undefined } } as unknown as WorkerBoot;
    expect(() => early.take(1, ended)!.run(boot, [])).to.throw('could not be cloned');
    await Promise.race([exit, sleep(5_000)]);
    expect(living()).to.equal(0);
  });

  it('are not taken when they have ended, and what they have thrown is told', async () => {
    const entry = new URL(`data:text/javascript,throw new Error('too early')`);
    const early = new EarlyThreads(entry, 'uws');
    allow(1);
    early.start(1);
    await new Promise((resolve) => started[0]!.once('exit', resolve)); // `once` of events would reject
    const failures: unknown[] = [];
    expect(early.take(1, (failure) => failures.push(failure))).to.equal(undefined);
    expect(failures.map((failure) => (failure as Error).message)).to.deep.equal(['too early']);
  });
});
