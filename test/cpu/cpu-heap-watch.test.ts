import { expect } from 'chai';
import { certainMb, HeapWatch, type WatchedRun } from '#src/cpu/cpu-heap-watch.js';

const MIB = 1024 * 1024;
const V8_MB = 4_000;

describe('the watch over the heaps of CPU tasks', () => {
  let runs: Record<string, WatchedRun>;
  let watch: HeapWatch<WatchedRun>;
  let reported: (string | undefined)[];

  beforeEach(() => {
    runs = {};
    reported = [];
    watch = new HeapWatch({
      heapMb: 64,
      runs: () => Object.values(runs),
      exceeded: (run) => reported.push(Object.keys(runs).find((name) => runs[name] === run)),
    });
  });

  afterEach(() => watch.stop());

  const using = (mib: () => number, heapMbBefore = 0): WatchedRun => ({
    heapMbBefore,
    thread: {
      getHeapStatistics: async () => ({
        used_heap_size: mib() * MIB,
        heap_size_limit: V8_MB * MIB,
      }),
    },
  });

  it('reports each task whose live objects exceed the limit for certain, once', async () => {
    const certain = certainMb(64, V8_MB);
    runs = { garbage: using(() => certain), large: using(() => certain + 1) };
    for (let n = 0; n < 4; n++) await watch.check();
    expect(reported).to.deep.equal(['large']);
  });

  it('does not count what the thread used before the task', async () => {
    const used = certainMb(64, V8_MB) + 1;
    runs = { innocent: using(() => used, 1), guilty: using(() => used, 0) };
    for (let n = 0; n < 4; n++) await watch.check();
    expect(reported).to.deep.equal(['guilty']);
  });

  it('reports no task of which a second look finds less', async () => {
    const large = certainMb(64, V8_MB) + 1;
    let looks = 0;
    runs = { collected: using(() => (looks++ % 2 === 0 ? large : 1)) };
    for (let n = 0; n < 10; n++) await watch.check();
    expect(reported).to.deep.equal([]);
  });

  it('reports no task that has ended before its thread has answered', async () => {
    const run = using(() => V8_MB);
    runs = { run };
    await watch.check();
    const second = watch.check();
    runs = {};
    await second;
    expect(reported).to.deep.equal([]);
  });

  it('ignores threads that cannot answer, and asks none a second time while it has not answered', async () => {
    let asked = 0;
    runs = {
      waiting: { heapMbBefore: 0, thread: undefined },
      old: { heapMbBefore: 0, thread: {} },
      ended: {
        heapMbBefore: 0,
        thread: { getHeapStatistics: () => Promise.reject(new Error('ERR_WORKER_NOT_RUNNING')) },
      },
      native: {
        heapMbBefore: 0,
        thread: {
          getHeapStatistics() {
            asked++;
            return new Promise(() => undefined);
          },
        },
      },
      large: using(() => V8_MB),
    };
    for (let n = 0; n < 2; n++) {
      void watch.check();
      await new Promise(setImmediate);
    }
    expect(reported).to.deep.equal(['large']);
    expect(asked).to.equal(1);
  });
});
