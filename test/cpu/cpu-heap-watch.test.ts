import { expect } from 'chai';
import { HeapWatch, type WatchedThread } from '#src/cpu/cpu-heap-watch.js';

const MIB = 1024 * 1024;

describe('the watch over the heaps of CPU threads', () => {
  let threads: Record<string, WatchedThread>;
  let watch: HeapWatch<WatchedThread>;
  let reported: (string | undefined)[];

  beforeEach(() => {
    threads = {};
    reported = [];
    watch = new HeapWatch({
      heapMb: 64,
      threads: () => Object.values(threads),
      exceeded: (thread) => reported.push(Object.keys(threads).find((name) => threads[name] === thread)),
    });
  });

  afterEach(() => watch.stop());

  const using = (mib: number): WatchedThread => ({
    getHeapStatistics: async () => ({ used_heap_size: mib * MIB }),
  });

  it('reports each thread that uses more than its limit, once', async () => {
    threads = { small: using(64), large: using(65) };
    for (let n = 0; n < 3; n++) await watch.check();
    expect(reported).to.deep.equal(['large']);
    threads.other = using(1_000);
    await watch.check();
    expect(reported).to.deep.equal(['large', 'other']);
  });

  it('ignores threads that cannot answer, and asks none a second time while it has not answered', async () => {
    let asked = 0;
    threads = {
      old: {},
      ended: { getHeapStatistics: () => Promise.reject(new Error('ERR_WORKER_NOT_RUNNING')) },
      native: {
        getHeapStatistics() {
          asked++;
          return new Promise(() => undefined);
        },
      },
      large: using(65),
    };
    void watch.check();
    void watch.check();
    await new Promise(setImmediate);
    expect(reported).to.deep.equal(['large']);
    expect(asked).to.equal(1);
  });
});
