import { MessageChannel } from 'node:worker_threads';
import { expect } from 'chai';
import { createTask, type RunRequest, type Task } from '#src/cpu/pool-task.js';
import { ThreadTimes } from '#src/cpu/thread-times.js';
import { UnpausedClock } from '#src/cpu/unpaused-clock.js';

describe('the clock of the CPU pool', () => {
  it('counts neither pauses of the process nor the time in which it does not run', () => {
    let now = 0;
    const clock = new UnpausedClock(() => now);
    now = 100;
    expect(clock.read()).to.equal(0);
    clock.start();
    now = 900;
    expect(clock.read()).to.equal(800);
    now += 3_600_000;
    expect(clock.read()).to.be.at.most(1_800);
    clock.stop();
    const stopped = clock.read();
    now += 700;
    expect(clock.read()).to.equal(stopped);
    clock.start();
    now += 700;
    expect(clock.read()).to.equal(stopped + 700);
    clock.stop();
  });
});

describe('the time for which a service is charged', () => {
  let times: ThreadTimes;

  beforeEach(() => {
    times = new ThreadTimes();
  });

  function handOver(): Task {
    const { port1 } = new MessageChannel();
    port1.close();
    const request: RunRequest = {
      type: 'run',
      id: 1,
      module: 'm',
      task: 't',
      service: 's',
      caller: 'c',
      priority: 'normal',
      input: { data: new Uint8Array(1), moved: [] },
      progress: undefined,
      traceparent: undefined,
      remainingMs: 1,
    };
    const task = createTask(port1, request, 'c');
    times.begin(task);
    return task;
  }

  const spendMs = (ms: number): void => {
    for (const end = performance.now() + ms; performance.now() < end; );
  };

  /** Spends at least so long. @returns how long it was, on a machine that is busy */
  function spentMs(ms: number): number {
    const since = performance.now();
    spendMs(ms);
    return performance.now() - since;
  }

  it('begins when the thread is ready', () => {
    const task = handOver();
    spendMs(100);
    task.status.begin({ threadId: 1, heapBytes: 0, isFirst: true });
    const begun = performance.now();
    const { ranMs, usedMs } = times.end(task, false);
    expect(ranMs).to.be.at.most(performance.now() - begun + 1);
    expect(usedMs).to.equal(ranMs);
  });

  it('leaves out the load of the tasks module, which belongs to the start of the thread', () => {
    const since = performance.now();
    const task = handOver();
    task.status.begin({ threadId: 1, heapBytes: 0, isFirst: true });
    const loadMs = spentMs(80);
    task.status.loaded(loadMs);
    expect(times.end(task, false).ranMs).to.be.at.most(performance.now() - since - loadMs + 1);
  });

  it('is charged with the start of a thread and the load of its own module when a task has ended its thread', () => {
    const task = handOver();
    task.status.begin({ threadId: 1, heapBytes: 0, isFirst: true });
    const loadMs = spentMs(80);
    task.status.loaded(loadMs);
    const { ranMs, usedMs } = times.end(task, true);
    const startMs = times.startMsOf(task.service);
    expect(usedMs - ranMs).to.be.closeTo(startMs, 0.001);
    expect(startMs - times.startMsOf('another')).to.be.closeTo(loadMs, 0.001);
  });

  it('has no load that is longer than the thread was there: its clock counts pauses', () => {
    const task = handOver();
    task.status.begin({ threadId: 1, heapBytes: 0, isFirst: true });
    task.status.loaded(60_000);
    times.end(task, true);
    expect(times.startMsOf(task.service)).to.be.below(10_000);
  });

  it('leaves out the time in which the thread works on what ended tasks have left behind', () => {
    const since = performance.now();
    const task = handOver();
    task.status.begin({ threadId: 1, heapBytes: 0, isFirst: false });
    task.status.holdUp(7);
    expect(task.status.heldUpBy).to.equal(7);
    const heldUpMs = spentMs(60);
    task.status.goOn(heldUpMs / 2);
    task.status.goOn(heldUpMs / 2);
    expect(task.status.heldUpBy).to.equal(undefined);
    expect(times.end(task, false).ranMs).to.be.at.most(performance.now() - since - heldUpMs + 1);
  });

  it('includes the start of a new thread when the task has ended its own', () => {
    const first = handOver();
    first.status.begin({ threadId: 1, heapBytes: 0, isFirst: false });
    const { ranMs, usedMs } = times.end(first, true);
    expect(usedMs).to.be.at.least(ranMs + 10);
  });

  it('is nothing but that start when no thread has begun the task', () => {
    const { ranMs, usedMs } = times.end(handOver(), true);
    expect(ranMs).to.equal(0);
    expect(usedMs).to.be.above(10);
  });
});
