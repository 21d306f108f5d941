import { expect } from 'chai';
import { PortHolders } from '#src/cluster/port-holders.js';
import { RESTART_LIMITS } from '#src/cluster/restarts.js';
import { grpcGroup, type WorkerPorts } from '#src/cluster/worker-group.js';
import type { WorkerState } from '#src/cluster/worker-life.js';
import type { WorkerThread } from '#src/cluster/worker-thread.js';
import { Workers } from '#src/cluster/workers.js';

const WORKER = 5;
const PORT = 50_051;
const DRAIN_MS = 4_000;
const STARTING: WorkerState = { kind: 'starting' };
const READY: WorkerState = { kind: 'ready', descriptor: { slot: 1, app: undefined } };

/** The threads of one worker, oldest first, and the orders that they get. */
function setUp(states: readonly WorkerState[], isShared = false) {
  const orders: unknown[] = [];
  const silent: number[] = [];
  const ports: WorkerPorts = {
    of: () => PORT,
    isShared: () => isShared,
    listening: () => true,
    silent: (worker) => silent.push(worker),
  };
  const entry = new URL('none.js', import.meta.url);
  const group = grpcGroup({ entry, count: 1, firstWorker: WORKER, firstRow: 1, ports });
  const workers = new Workers(group, RESTART_LIMITS);
  const threads = states.map((state, index) => ({
    ...{ worker: WORKER, generation: index + 1, state, wantsPort: state.kind === 'starting' },
    send: (order: object) => orders.push([index + 1, order]),
  })) as unknown as WorkerThread[];
  workers.entryOf({ worker: WORKER }).threads = threads;
  return { holders: new PortHolders(workers, ports, DRAIN_MS), threads, orders, silent };
}

const listen = (withinMs: number, isShared = false) => ({ type: 'listen', port: PORT, withinMs, isShared });

describe('the port of a gRPC worker', () => {
  it('is that of its first thread, which finds it free or fails', () => {
    const { holders, threads, orders } = setUp([STARTING]);
    holders.handOver(threads[0]!);
    expect(orders).to.deep.equal([[1, listen(0)]]);
  });

  it('passes from a thread to its successor, which may have to wait for it', () => {
    const { holders, threads, orders } = setUp([READY, STARTING]);
    holders.handOver(threads[1]!);
    expect(orders).to.deep.equal([
      [1, { type: 'unbind' }],
      [2, listen(DRAIN_MS)],
    ]);
  });

  it('returns to the old thread when its successor ends before it listens', () => {
    const { holders, threads, orders, silent } = setUp([READY, STARTING]);
    holders.ended(threads[1]!);
    expect(orders).to.deep.equal([[1, listen(DRAIN_MS)]]);
    expect(silent).to.deep.equal([]);
  });

  it('stays with the successor when the old thread ends', () => {
    const { holders, threads, orders, silent } = setUp([READY, READY]);
    holders.ended(threads[0]!);
    expect([orders, silent]).to.deep.equal([[], []]);
  });

  it('is reported as silent when no thread is left that listens', () => {
    const { holders, threads, silent } = setUp([READY, STARTING]);
    holders.ended(threads[0]!);
    expect(silent).to.deep.equal([WORKER]);
  });

  it('is waited for as long as a process may need that is taken over from', () => {
    const { holders, threads, orders } = setUp([STARTING], true);
    holders.handOver(threads[0]!);
    expect(orders).to.deep.equal([[1, listen(60_000, true)]]);
  });
});
