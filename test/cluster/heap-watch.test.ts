import { expect } from 'chai';
import fc from 'fast-check';
import { heapLimits, heapNeed } from '#src/cluster/heap-limits.js';
import { watchHeaps } from '#src/cluster/heap-watch.js';
import type { WorkerState } from '#src/cluster/worker-life.js';
import type { WorkerThread } from '#src/cluster/worker-thread.js';
import { Block } from '#src/memory/block.js';
import { WorkerRow } from '#src/memory/worker-row.js';

const MIB = 1024 * 1024;

describe('the limits of a heap', () => {
  it('do not exist when WORKER_HEAP_MB is 0', () => {
    expect(heapLimits(0, 128 * MIB)).to.equal(undefined);
  });

  it('are reached in this order: replacement, leaving at once, the limit of V8', () => {
    const megabytes = fc.integer({ min: 1, max: 2 ** 20 });
    fc.assert(
      fc.property(megabytes, fc.integer({ min: 16, max: 2 ** 14 }), (limitMb, oldMb) => {
        const limits = heapLimits(limitMb, oldMb * MIB)!;
        expect(limits.softBytes).to.be.at.most(limitMb * MIB);
        expect(limits.softBytes).to.be.lessThan(limits.mostRetainedBytes);
        expect(limits.mostRetainedBytes).to.be.lessThan(oldMb * MIB);
        expect(heapNeed(limits.softBytes, limits)).to.equal('nothing');
        expect(heapNeed(limits.softBytes + 1, limits)).to.equal('replace');
        expect(heapNeed(limits.mostRetainedBytes + 1, limits)).to.equal('leave');
      }),
    );
  });
});

describe('the heap watch', () => {
  const ready: WorkerState = { kind: 'ready', descriptor: { slot: 1, app: undefined } };
  const limits = heapLimits(64, 128 * MIB);

  /** Watches one worker with this heap in its row, and records what is done. */
  async function watched(usedMb: number, retainedMb: number, state = ready): Promise<readonly string[]> {
    const block = Block.create({ workers: 1 });
    const row = new WorkerRow(block, 1);
    const thread = { worker: 1, generation: 1, slot: 1, threadId: 7, state, startedAt: new Date() };
    const view = { ...thread, serving: new Set<string>() } as unknown as WorkerThread;
    const done: string[] = [];
    let looks = 0;
    let seen!: () => void;
    const seenTwice = new Promise<void>((resolve) => {
      seen = resolve;
    });
    row.useHeap(usedMb * MIB);
    row.retainHeap(retainedMb * MIB);
    const stop = watchHeaps({
      supervisor: {
        workers: [view],
        get threads() {
          looks += 1;
          if (looks === 3) seen();
          return [view];
        },
        replace: async (worker, order) => {
          done.push(`replace ${worker} ${order}`);
          return { isReplaced: true };
        },
        expel: (one, order) => done.push(`expel ${one.worker} ${order}`),
      },
      block,
      limits,
      log: { warn() {}, error() {} },
    });
    await seenTwice;
    stop();
    return done;
  }

  it('ignores a worker whose heap is full of garbage', async () => {
    expect(await watched(170, 60)).to.deep.equal([]);
  });

  it('replaces a worker, once, when it retains more than the limit', async () => {
    expect(await watched(70, 65)).to.deep.equal(['replace 1 heap']);
  });

  it('expels a worker, once, when V8 is about to run out of heap', async () => {
    expect(await watched(100, 97)).to.deep.equal(['expel 1 heap']);
  });

  it('expels a worker that drains already, and does not replace it again', async () => {
    const draining: WorkerState = { kind: 'draining', reason: 'drained' };
    expect(await watched(70, 65, draining)).to.deep.equal([]);
    expect(await watched(100, 97, draining)).to.deep.equal(['expel 1 heap']);
  });
});
