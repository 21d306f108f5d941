import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import type { CpuTasks } from '#src/cpu/cpu-client.js';
import type { TaskPool } from '#src/cpu/task-pool.js';
import { Deadline } from '#src/deadline.js';
import { BusinessError, DeadlineExceededError, HttpError } from '#src/errors.js';
import { runInScope } from '#src/scope.js';
import { canLimitFiles, withoutFiles } from '#test/support/open-files.js';
import { FIXTURE, type PoolOptions, rejection, running, scopeOf, TestPool, tell, trace } from './task-kit.js';

describe('the CPU pool', () => {
  let kit: TestPool;
  let pool: TaskPool;
  let cpu: CpuTasks;

  const start = (threads: number, options: PoolOptions = {}): void => {
    kit = new TestPool(threads, options);
    ({ pool, cpu } = kit);
  };

  afterEach(() => kit.close());

  it('runs a named export and returns its result', async () => {
    start(1);
    const input = { when: new Date(0), names: new Map([['a', 1n]]), none: null };
    expect(await cpu.run('echo', input)).to.deep.equal(input);
    expect(await cpu.run('echo', undefined)).to.equal(undefined);
  });

  it('returns bytes as bytes, also those that share a buffer with others', async () => {
    start(1);
    const many = await cpu.run<Uint8Array>('bytes', 1_000_000);
    expect(many).to.be.instanceOf(Uint8Array).and.to.have.length(1_000_000);
    expect(many[999_999]).to.equal(7);
    expect(Buffer.from(await cpu.run<Uint8Array>('pooledBytes', 'small')).toString()).to.equal('small');
    expect(Buffer.from(await cpu.run<Uint8Array>('pooledBytes', 'again')).toString()).to.equal('again');
  });

  for (const name of ['missing', 'notAFunction', 'toString', 'constructor', '__proto__']) {
    it(`rejects ${name}, which is not a function that the module exports`, async () => {
      start(1);
      const error = await rejection(cpu.run(name, null));
      expect(error).to.not.be.instanceOf(HttpError);
      expect(error.message).to.contain(JSON.stringify(name));
    });
  }

  it('reports where a tasks module does not compile', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'multilane-tasks-'));
    const file = join(folder, 'tasks.mjs');
    writeFileSync(file, `\nexport const broken = [;`);
    try {
      start(1);
      const tasks = kit.worker().tasks('demo', pathToFileURL(file));
      for (const error of [
        await rejection(tasks.run('broken', null)),
        await rejection(tasks.run('broken', null)),
      ]) {
        expect(error).to.not.be.instanceOf(HttpError);
        expect(error.message).to.match(
          /tasks\.mjs:2: SyntaxError: Unexpected token ';'\n +export const broken = \[;\n/,
        );
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('keeps the class, code and status of an HttpError', async () => {
    start(1);
    const declined = await rejection(cpu.run('decline', null));
    expect(declined).to.be.instanceOf(BusinessError);
    expect(declined).to.include({ code: 'PAYMENT_DECLINED', status: 402, message: 'No funds.' });
    expect((declined as BusinessError).members).to.deep.equal({ details: { left: 3 } });
    const later = await rejection(cpu.run('unavailable', null));
    expect(later).to.include({ code: 'OVERLOADED', status: 503, retryable: true });
    expect((later as HttpError).headers).to.deep.equal({ 'retry-after': '7' });
  });

  it('rejects with the message of any other error and the stack of its thread', async () => {
    start(1);
    const error = await rejection(cpu.run('fail', null));
    expect(error).to.not.be.instanceOf(HttpError);
    expect(error.message).to.equal('out of paper');
    expect(error.stack).to.contain('task-fixture');
  });

  it('rejects tasks when the queue is full: 503, retryable', async () => {
    start(1, { maxQueue: 1 });
    const channel = randomUUID();
    const first = await running(channel, () => cpu.run('untilTold', channel));
    const second = cpu.run('echo', 2);
    const refused = await rejection(cpu.run('echo', 3));
    expect(refused).to.include({ code: 'CPU_QUEUE_FULL', status: 503, retryable: true });
    expect((refused as HttpError).headers).to.have.property('retry-after');
    expect(pool).to.include({ queueLength: 1, running: 1 });
    tell(channel);
    expect(await Promise.all([first.result, second])).to.deep.equal(['told', 2]);
    expect(pool).to.include({ queueLength: 0, running: 0 });
  });

  it('fails tasks at once while no thread can start, and runs later ones when one can', async function () {
    if (!canLimitFiles()) this.skip();
    start(2);
    const failures = await withoutFiles(() =>
      Promise.all([1, 2, 3].map((n) => rejection(cpu.run('echo', n)))),
    );
    for (const failure of failures) expect(failure).to.include({ code: 'OVERLOADED', status: 503 });
    expect(pool).to.include({ queueLength: 0, running: 0 });
    expect(await cpu.run('echo', 4)).to.equal(4);
  });

  it('ends the thread of an aborted task, and no other task', async () => {
    start(2);
    const [stuck, innocent] = [randomUUID(), randomUUID()];
    const controller = new AbortController();
    const other = await running(innocent, () => cpu.run('untilTold', innocent));
    const spinning = await running(stuck, () => cpu.run('spin', stuck, { signal: controller.signal }));
    const waiting = [cpu.run('echo', 1), cpu.run('echo', 2)];
    controller.abort();
    expect(await rejection(spinning.result)).to.equal(controller.signal.reason);
    expect(await Promise.all(waiting)).to.deep.equal([1, 2]);
    tell(innocent);
    expect(await other.result).to.equal('told');
  });

  it('keeps the thread of an aborted task that ends soon', async () => {
    start(1, { graceMs: 60_000 });
    const thread = await cpu.run<number>('thread', null);
    const channel = randomUUID();
    const controller = new AbortController();
    const first = await running(channel, () =>
      rejection(cpu.run('untilTold', channel, { signal: controller.signal })),
    );
    controller.abort();
    expect(await first.result).to.equal(controller.signal.reason);
    tell(channel);
    expect(await cpu.run('thread', null)).to.equal(thread);
  });

  it('survives the abort of one task after the other, whether it runs, waits, or its thread is starting', async () => {
    start(2, { maxQueue: 100 });
    const controllers = Array.from({ length: 40 }, () => new AbortController());
    const channel = randomUUID();
    const results = controllers.map(({ signal }, i) =>
      i % 4 === 3 ? cpu.run('echo', i) : rejection(cpu.run('spin', channel, { signal })),
    );
    for (const [i, controller] of controllers.entries())
      if (i % 4 !== 3) setImmediate(() => controller.abort());
    const settled = await Promise.all(results);
    expect(settled.filter((_, i) => i % 4 === 3)).to.deep.equal([3, 7, 11, 15, 19, 23, 27, 31, 35, 39]);
    expect(pool).to.include({ queueLength: 0, running: 0 });
  });

  it('removes an aborted task from the queue', async () => {
    start(1);
    const channel = randomUUID();
    const first = await running(channel, () => cpu.run('untilTold', channel));
    const controller = new AbortController();
    const second = rejection(cpu.run('echo', 2, { signal: controller.signal }));
    const third = cpu.run('echo', 3);
    controller.abort();
    expect(await second).to.equal(controller.signal.reason);
    tell(channel);
    expect(await Promise.all([first.result, third])).to.deep.equal(['told', 3]);
  });

  it('rejects with the reason of whichever signal aborts, at any time', async () => {
    start(1);
    const reasons: readonly unknown[] = [
      new DOMException('too late', 'TimeoutError'),
      new HttpError('CLIENT_CLOSED', 'gone'),
      new DeadlineExceededError(),
      'a text',
    ];
    for (const reason of reasons) {
      for (const when of ['before', 'while it waits or runs']) {
        for (const isOwn of [true, false]) {
          const controller = new AbortController();
          if (when === 'before') controller.abort(reason);
          const { signal } = controller;
          const result = runInScope(scopeOf(Deadline.after(60_000), isOwn ? undefined : signal), () =>
            cpu.run('spin', randomUUID(), isOwn ? { signal } : {}),
          );
          if (when !== 'before') setImmediate(() => controller.abort(reason));
          const rejected = await result.then(
            () => expect.fail('expected a rejection'),
            (thrown: unknown) => thrown,
          );
          expect(rejected, `${String(reason)} ${when}, own: ${isOwn}`).to.equal(reason);
        }
      }
    }
  });

  it('interrupts a task at the deadline of its request, without a message from the worker', async () => {
    start(1);
    await cpu.run('echo', 0);
    const channel = randomUUID();
    // The signal of the scope never aborts: only the remaining time in the message can end the loop.
    const late = runInScope(scopeOf(Deadline.after(50)), () => rejection(cpu.run('spin', channel)));
    expect(await late).to.include({ code: 'DEADLINE_EXCEEDED', status: 504 });
    expect(await cpu.run('echo', 1)).to.equal(1);
  });

  it('ends a task that was started outside of a request and does not return, and names it in the log', async () => {
    start(1);
    await cpu.run('echo', 0);
    const { lines } = kit;
    const error = await rejection(kit.worker(50).tasks('demo', FIXTURE).run('spin', randomUUID()));
    expect(error).to.include({ code: 'DEADLINE_EXCEEDED', status: 504 });
    expect(await cpu.run('echo', 1)).to.equal(1);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.include({ level: 40, task: 'spin', module: FIXTURE.href });
  });

  it('refuses a task at once when the deadline of its request has passed', async () => {
    start(1);
    await cpu.run('echo', 0);
    // It would win against the timer of its deadline, which is 0 ms, now and then.
    for (let n = 0; n < 20; n++) {
      const run = runInScope(scopeOf(Deadline.after(-1)), () => cpu.run('echo', n));
      expect(await rejection(run)).to.include({ code: 'DEADLINE_EXCEEDED' });
    }
  });

  it('ends a task that continues after the deadline of its request, and names it in the log', async () => {
    start(1);
    await cpu.run('echo', 0);
    const { lines } = kit;
    await runInScope(scopeOf(Deadline.after(50)), () => rejection(cpu.run('spin', randomUUID())));
    expect(await cpu.run('echo', 1)).to.equal(1);
    expect(lines.map(({ task }) => task)).to.deep.equal(['spin']);
  });

  it('fails a task whose thread ends, and only that one', async () => {
    start(2);
    const channel = randomUUID();
    const other = await running(channel, () => cpu.run('untilTold', channel));
    expect((await rejection(cpu.run('exit', null))).message).to.contain('exit');
    tell(channel);
    expect(await other.result).to.equal('told');
    expect(await cpu.run('echo', 1)).to.equal(1);
  });

  it('drops the tasks of a worker that has ended, and continues with those of the others', async () => {
    start(1, { maxQueue: 10 });
    const gone = kit.worker();
    const [theirs, ours] = [randomUUID(), randomUUID()];
    const spinning = await running(theirs, () => rejection(gone.tasks('demo', FIXTURE).run('spin', theirs)));
    const waiting = rejection(gone.tasks('demo', FIXTURE).run('spin', theirs));
    const next = running(ours, () => cpu.run('untilTold', ours));
    gone.close();
    expect(await spinning.result).to.include({ code: 'DRAINING' });
    expect(await waiting).to.include({ code: 'DRAINING' });
    const { result } = await next;
    tell(ours);
    expect(await result).to.equal('told');
  });

  it('completes accepted tasks when it closes, and rejects new ones', async () => {
    start(1);
    const channel = randomUUID();
    const first = await running(channel, () => cpu.run('untilTold', channel));
    const second = cpu.run('echo', 2);
    const third = cpu.run('echo', 3);
    tell(channel);
    expect(await first.result).to.equal('told');
    const closed = pool.close({ withinMs: 60_000 });
    expect(await rejection(cpu.run('echo', 4))).to.include({ code: 'DRAINING' });
    expect(await Promise.all([second, third])).to.deep.equal([2, 3]);
    await closed;
  });

  it('interrupts tasks that do not end in time when it closes', async () => {
    start(1);
    const channel = randomUUID();
    const spinning = await running(channel, () => rejection(cpu.run('spin', channel)));
    await pool.close({ withinMs: 1 });
    expect(await spinning.result).to.include({ code: 'DRAINING' });
  });

  it('makes every task a span of its request', async () => {
    start(1);
    await runInScope(scopeOf(Deadline.after(60_000)), async () => {
      await cpu.run('echo', 1);
      await rejection(cpu.run('decline', 1));
    });
    expect(kit.spans).to.deep.equal([
      { name: 'cpu echo', parent: trace, errorType: undefined },
      { name: 'cpu decline', parent: trace, errorType: 'PAYMENT_DECLINED' },
    ]);
  });

  it('reports that the service declares no tasks', async () => {
    start(1);
    expect((await rejection(kit.worker().tasks('demo', undefined).run('echo', 1))).message).to.contain(
      'no tasks module',
    );
  });
});
