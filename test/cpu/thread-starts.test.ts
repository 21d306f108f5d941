// Tasks for which no thread can start: each fails at once, never runs later, and harms no other.
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { HttpError } from '#src/errors.js';
import { runInScope } from '#src/scope.js';
import { rejection, running, scopeOf, TestPool, tell } from './task-kit.js';

/** The module as Piscina sees it, which reads the class each time. */
const threads = createRequire(import.meta.url)('node:worker_threads') as { Worker: unknown };

/** The limit of threads is reached: the constructor throws. */
class RefusedThread {
  constructor() {
    throw Object.assign(new Error('Worker initialization failure: EAGAIN'), {
      code: 'ERR_WORKER_INIT_FAILED',
    });
  }
}

/** The thread starts, and fails before it is ready. */
class FailingThread extends Worker {
  constructor(_file: string, options: WorkerOptions) {
    super('throw new Error("no such file")', { ...options, eval: true });
  }
}

describe('a CPU task whose thread cannot start', () => {
  let kit: TestPool;
  let heard: string[];
  const channel = randomUUID();
  const ears = new BroadcastChannel(channel);
  ears.onmessage = ({ data }: MessageEvent) => heard.push(String(data));

  beforeEach(() => {
    heard = [];
  });
  afterEach(async () => {
    threads.Worker = Worker;
    await kit.close();
  });
  after(() => ears.close());

  for (const [how, kind, warm] of [
    ['refused by the system', RefusedThread, false],
    ['refused by the system beside a running one', RefusedThread, true],
    ['failing', FailingThread, false],
    ['failing beside a running one', FailingThread, true],
  ] as const) {
    it(`fails at once and never runs later, and the pool goes on (${how})`, async () => {
      kit = new TestPool(warm ? 3 : 2);
      const told = randomUUID();
      const other = warm ? await running(told, () => kit.cpu.run('untilTold', told)) : undefined;
      threads.Worker = kind;
      const errors = await Promise.all([
        rejection(kit.cpu.run('shout', channel)),
        rejection(kit.cpu.run('shout', channel)),
      ]);
      for (const error of errors) {
        if (kind === RefusedThread) expect(error).to.include({ code: 'OVERLOADED', status: 503 });
        else expect(error.message).to.equal('the thread of CPU task shout could not start');
      }
      expect(kit.pool.running).to.equal(warm ? 1 : 0);
      threads.Worker = Worker;
      if (warm) tell(told);
      expect(await other?.result).to.equal(warm ? 'told' : undefined);
      const values = [1, 2, 3, 4, 5].map((n) => kit.cpu.run('echo', n));
      expect(await Promise.all(values)).to.deep.equal([1, 2, 3, 4, 5]);
      expect(heard).to.deep.equal([]);
    });
  }

  for (const kind of [RefusedThread, FailingThread]) {
    it(`ends no task of the threads that were there before a reload (${kind.name})`, async () => {
      kit = new TestPool(2);
      const told = randomUUID();
      const { result } = await running(told, () => kit.cpu.run('untilTold', told));
      kit.pool.renew();
      threads.Worker = kind;
      expect((await rejection(kit.cpu.run('echo', 1))) instanceof HttpError).to.equal(kind === RefusedThread);
      threads.Worker = Worker;
      tell(told);
      expect(await result).to.equal('told');
      expect(await kit.cpu.run('echo', 2)).to.equal(2);
    });
  }

  it('fails at once when a reload comes while it starts', async () => {
    kit = new TestPool(1);
    const begun = new Promise<void>((resolve) => {
      threads.Worker = class extends FailingThread {
        constructor(file: string, options: WorkerOptions) {
          super(file, options);
          resolve();
        }
      };
    });
    const failed = rejection(kit.cpu.run('shout', channel));
    await begun;
    kit.pool.renew();
    threads.Worker = Worker;
    expect((await failed).message).to.equal('the thread of CPU task shout could not start');
    expect(await kit.cpu.run('echo', 2)).to.equal(2);
    expect(heard).to.deep.equal([]);
  });

  it('never begins when its caller has left before, and ends no thread by that', async () => {
    kit = new TestPool(1);
    const late = runInScope(scopeOf(Deadline.after(1)), () => rejection(kit.cpu.run('shout', channel)));
    expect(await late).to.include({ code: 'DEADLINE_EXCEEDED' });
    expect(await kit.cpu.run('echo', 1)).to.equal(1);
    expect(heard).to.deep.equal([]);
    expect(kit.lines).to.deep.equal([]);
  });
});
