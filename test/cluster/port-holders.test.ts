import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { PORT_TIMES, PortHolders, type PortTimes } from '#src/cluster/port-holders.js';
import { RESTART_LIMITS } from '#src/cluster/restarts.js';
import { grpcGroup } from '#src/cluster/worker-group.js';
import type { WorkerState } from '#src/cluster/worker-life.js';
import type { WorkerPorts } from '#src/cluster/worker-ports.js';
import type { WorkerThread } from '#src/cluster/worker-thread.js';
import { Workers } from '#src/cluster/workers.js';
import { until } from '#test/support/until.js';

const WORKER = 5;
const PORT = 50_051;
const STARTING: WorkerState = { kind: 'starting' };
const READY = { kind: 'ready', descriptor: { slot: 1, app: undefined } } as const;
const STALLED: WorkerState = { kind: 'stalled', before: READY };
const DEAD: WorkerState = { kind: 'dead', reason: 'lost' };

interface Thread {
  readonly worker: number;
  readonly generation: number;
  state: WorkerState;
  wantsPort: boolean;
  send(order: object): void;
}

/** A worker without threads yet, and what happens to it. */
function setUp({ isShared = false, times = {} as Partial<PortTimes>, hasStandIn = false } = {}) {
  const orders: unknown[] = [];
  const events = new EventEmitter();
  const heard: number[] = [];
  const silent: number[] = [];
  const kept: number[] = [];
  const late: number[] = [];
  const vacated: number[] = [];
  const ports: WorkerPorts = {
    ...(hasStandIn && { vacate: (worker) => vacated.push(worker) }),
    of: () => PORT,
    isShared: () => isShared,
    isSilent: () => false,
    listening: (_worker, port) => heard.push(port),
    silent: (worker) => silent.push(worker),
  };
  const entry = new URL('none.js', import.meta.url);
  const group = grpcGroup({ entry, count: 1, firstWorker: WORKER, firstRow: 1, ports });
  const workers = new Workers(group, RESTART_LIMITS);
  const holders = new PortHolders({
    workers,
    ports,
    times: { ...PORT_TIMES, ...times },
    isStopping: () => false,
    keepsPort: ({ generation }) => kept.push(generation),
    lateToListen: ({ generation }) => late.push(generation),
  });
  const threads = workers.entryOf({ worker: WORKER }).threads;
  return {
    ...{ holders, orders, events, heard, silent, kept, late, vacated },
    /** A further thread of the worker wants its port. */
    start(): Thread {
      const generation = threads.length + 1;
      const thread: Thread = {
        ...{ worker: WORKER, generation, state: STARTING, wantsPort: true },
        send(order) {
          orders.push([generation, order]);
          events.emit('order', order);
        },
      };
      threads.push(thread as unknown as WorkerThread);
      workers.notify();
      return thread;
    },
    change(thread: Thread, state: WorkerState): void {
      thread.state = state;
      workers.notify();
    },
    listens(thread: Thread): void {
      holders.listening(thread as unknown as WorkerThread, PORT);
      Object.assign(thread, { state: READY, wantsPort: false });
      workers.notify();
    },
    unbound(thread: Thread): void {
      holders.unbound(thread as unknown as WorkerThread);
      workers.notify();
    },
  };
}

type Worker = ReturnType<typeof setUp>;

const listen = (generation: number, withinMs = PORT_TIMES.bindMs, over: object = {}) => [
  generation,
  { type: 'listen', port: PORT, withinMs, isShared: false, isKept: false, ...over },
];
const unbind = (generation: number) => [generation, { type: 'unbind' }];

describe('the port of a gRPC worker', () => {
  it('is that of its first thread, which finds it free or fails', () => {
    const worker = setUp();
    worker.start();
    expect(worker.orders).to.deep.equal([listen(1, 0)]);
    worker.holders.stop();
  });

  it('passes to a successor when the old thread has confirmed that it is free', () => {
    const worker = setUp();
    const old = worker.start();
    worker.listens(old);
    const next = worker.start();
    expect(worker.orders.slice(1)).to.deep.equal([unbind(1)]);
    worker.unbound(old);
    expect(worker.orders.slice(2)).to.deep.equal([listen(2)]);
    worker.listens(next);
    worker.change(old, DEAD);
    expect(worker.orders).to.have.length(3);
    expect([worker.heard, worker.silent]).to.deep.equal([[PORT, PORT], []]);
    worker.holders.stop();
  });

  for (const [name, state] of [
    ['serves', READY],
    ['is stalled', STALLED],
    ['has failed', { ...READY, kind: 'failing', reason: 'stalled' }],
  ] as const)
    it(`returns to an old thread that ${name} when its successor ends before it listens`, () => {
      const worker = setUp();
      const old = worker.start();
      worker.listens(old);
      const next = worker.start();
      worker.unbound(old);
      worker.change(old, state);
      worker.change(next, DEAD);
      expect(worker.orders.slice(3)).to.deep.equal([listen(1)]);
      worker.change(old, READY);
      expect(worker.orders).to.have.length(4);
      worker.holders.stop();
    });

  it('returns to an old thread while its successor is busy, and goes to that when it is not any more', async () => {
    const worker = setUp({ times: { listenMs: 20 } });
    const old = worker.start();
    worker.listens(old);
    const next = worker.start();
    worker.unbound(old);
    await until(
      () => worker.late,
      ({ length }) => length > 0,
    );
    expect(worker.orders.slice(2)).to.deep.equal([listen(2), unbind(2), listen(1)]);
    worker.listens(old);
    expect(worker.orders).to.have.length(5);
    // It was busy before it read the first order, and carries out both.
    worker.unbound(next);
    expect(worker.orders.slice(5)).to.deep.equal([unbind(1)]);
    worker.unbound(old);
    expect(worker.orders.slice(6)).to.deep.equal([listen(2)]);
    worker.listens(next);
    worker.change(old, DEAD);
    expect([worker.late, worker.silent, worker.orders.length]).to.deep.equal([[2], [], 7]);
    worker.holders.stop();
  });

  it('stays with a successor that has listened in time, or has no thread beside it that serves', async () => {
    const worker = setUp({ times: { listenMs: 20 } });
    const old = worker.start();
    worker.listens(old);
    const next = worker.start();
    worker.unbound(old);
    worker.listens(next);
    worker.change(next, DEAD);
    worker.change(old, DEAD);
    worker.start();
    await sleep(60);
    expect(worker.late).to.deep.equal([]);
    worker.holders.stop();
  });

  it('returns to an old thread that had not yet given it up when its successor ended', () => {
    const worker = setUp();
    const old = worker.start();
    worker.listens(old);
    worker.change(worker.start(), DEAD);
    expect(worker.orders.slice(1)).to.deep.equal([unbind(1)]);
    worker.unbound(old);
    expect(worker.orders.slice(2)).to.deep.equal([listen(1)]);
    worker.holders.stop();
  });

  it('goes to the next successor after the first one has ended', () => {
    const worker = setUp();
    const old = worker.start();
    worker.listens(old);
    worker.change(worker.start(), DEAD);
    worker.start();
    worker.unbound(old);
    expect(worker.orders.slice(2)).to.deep.equal([listen(3)]);
    worker.holders.stop();
  });

  it('is taken from a thread that does not give it up in time, which is to be ended', async () => {
    const worker = setUp({ times: { handOverMs: 1 } });
    worker.listens(worker.start());
    worker.start();
    await until(
      () => worker.orders.length,
      (sent) => sent === 3,
    );
    expect(worker.orders.slice(1)).to.deep.equal([unbind(1), listen(2, undefined, { isKept: true })]);
    expect(worker.kept).to.deep.equal([1]);
    worker.holders.stop();
  });

  it('is not listened on, whatever a thread says that was not ordered to', () => {
    const worker = setUp();
    const old = worker.start();
    worker.listens(old);
    worker.start();
    worker.listens(old);
    worker.unbound(old);
    worker.listens(old);
    expect(worker.heard).to.deep.equal([PORT]);
    worker.holders.stop();
  });

  it('is reported as silent at once when no thread is left that listens', () => {
    const worker = setUp();
    const old = worker.start();
    worker.listens(old);
    worker.change(old, DEAD);
    worker.start();
    expect(worker.silent).to.deep.equal([WORKER]);
    worker.holders.stop();
  });

  it('is reported as silent, once, when no thread has it for longer than a replacement takes', async () => {
    const worker = setUp({ times: { silentMs: 1 } });
    const old = worker.start();
    worker.listens(old);
    const next = worker.start();
    worker.unbound(old);
    worker.change(next, DEAD);
    await until(
      () => worker.silent.length,
      (reports) => reports > 0,
    );
    worker.change(old, STALLED);
    worker.change(old, READY);
    expect(worker.silent).to.deep.equal([WORKER]);
    worker.listens(old);
    worker.change(old, DEAD);
    expect(worker.silent).to.deep.equal([WORKER, WORKER]);
    worker.holders.stop();
  });

  it('is waited for as long as a process may need that is taken over from', async () => {
    const worker = setUp({ isShared: true, times: { sharedMs: 1 } });
    const thread = worker.start();
    expect(worker.orders).to.deep.equal([listen(1, 1, { isShared: true })]);
    expect(worker.silent).to.deep.equal([]);
    worker.change(thread, READY);
    await until(
      () => worker.silent,
      (silent) => silent.length === 1,
    );
    worker.holders.stop();
  });
});

describe('the port of the only HTTP worker, which the primary has while no thread does', () => {
  const silentAfter = (worker: ReturnType<typeof setUp>, reports: number) =>
    until(
      () => worker.silent.length,
      (made) => made >= reports,
    );

  it('returns to the primary whenever a thread ends that was to listen', () => {
    const worker = setUp({ hasStandIn: true });
    for (const generation of [1, 2, 3]) {
      const thread = worker.start();
      expect(worker.orders.splice(0)).to.deep.equal([listen(generation)]);
      expect(worker.vacated.splice(0)).to.deep.equal([WORKER]);
      expect(worker.silent).to.deep.equal([]);
      worker.change(thread, DEAD);
      expect(worker.silent.splice(0)).to.deep.equal([WORKER]);
      worker.change(thread, DEAD);
      expect(worker.silent).to.deep.equal([]);
    }
    worker.holders.stop();
  });

  for (const [what, state] of [
    ['starts', STARTING],
    ['serves', READY],
  ] as const)
    it(`returns to the primary for a while when a thread that ${what} cannot listen, again and again`, async () => {
      const worker = setUp({ hasStandIn: true, times: { silentMs: 5, restMs: 1 } });
      const thread = worker.start();
      if (state === READY) {
        worker.listens(thread);
        worker.change(worker.start(), DEAD);
        worker.unbound(thread);
        worker.change(thread, READY);
      }
      await silentAfter(worker, 3);
      const { generation } = thread;
      const tries = worker.orders.slice(state === READY ? 2 : 0);
      expect(tries.slice(0, 5)).to.deep.equal(
        [listen, unbind, listen, unbind, listen].map((order) => order(generation)),
      );
      // What it says about an earlier order does not matter: it gets the port after its pause.
      worker.unbound(thread);
      for (let type = ''; type !== 'listen'; ) [{ type }] = await once(worker.events, 'order');
      worker.listens(thread);
      expect(worker.heard.at(-1)).to.equal(PORT);
      expect(worker.vacated.length).to.be.at.least(worker.silent.length);
      worker.holders.stop();
    });

  it('goes to an older thread that serves while the newest one rests', async () => {
    const worker = setUp({
      hasStandIn: true,
      times: { silentMs: 10, listenMs: 3_600_000, restMs: 3_600_000 },
    });
    const old = worker.start();
    worker.listens(old);
    worker.start();
    worker.unbound(old);
    await silentAfter(worker, 1);
    worker.change(old, READY);
    expect(worker.orders.slice(1)).to.deep.equal([unbind(1), listen(2), unbind(2), listen(1)]);
    worker.listens(old);
    worker.holders.stop();
  });

  for (const [how, end] of [
    ['has ended', (worker: Worker, old: Thread) => worker.change(old, DEAD)],
    ['gives it up after all', (worker: Worker, old: Thread) => worker.unbound(old)],
  ] as const)
    it(`goes at once to a thread that rests, when the one that kept it ${how}`, async () => {
      const worker = setUp({ hasStandIn: true, times: { handOverMs: 1, silentMs: 5, restMs: 3_600_000 } });
      const old = worker.start();
      worker.listens(old);
      const next = worker.start();
      await silentAfter(worker, 1);
      worker.change(next, STARTING);
      expect(worker.orders.slice(1)).to.deep.equal([
        unbind(1),
        listen(2, PORT_TIMES.bindMs, { isKept: true }),
        unbind(2),
      ]);
      end(worker, old);
      expect(worker.orders.slice(4)).to.deep.equal([listen(2)]);
      worker.holders.stop();
    });

  it('is not taken from a thread that waits for the port of a predecessor process', async () => {
    const worker = setUp({ hasStandIn: true, isShared: true, times: { sharedMs: 1 } });
    worker.change(worker.start(), READY);
    await silentAfter(worker, 1);
    expect(worker.orders).to.deep.equal([listen(1, 1, { isShared: true })]);
    expect(worker.vacated).to.deep.equal([]);
    worker.holders.stop();
  });
});
