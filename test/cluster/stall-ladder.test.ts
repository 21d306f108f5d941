import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import fc from 'fast-check';
import { silenceAfter } from '#src/cluster/heartbeat-silence.js';
import type { WatchedThread } from '#src/cluster/stall-interruption.js';
import { LOOK_EVERY_MS, StallLadder } from '#src/cluster/stall-ladder.js';

describe('the time without a heartbeat of a worker', () => {
  it('grows while the heartbeat is unchanged, and is 0 when it changes', () => {
    let silence = silenceAfter(undefined, 7, 25, 1000);
    expect(silence.ms).to.equal(0);
    for (let look = 0; look < 4; look += 1) silence = silenceAfter(silence, 7, LOOK_EVERY_MS, 1000);
    expect(silence.ms).to.equal(4 * LOOK_EVERY_MS);
    expect(silenceAfter(silence, 8, LOOK_EVERY_MS, 1000).ms).to.equal(0);
  });

  it('grows by little between two distant looks, for any STALL_MS: the machine may have been suspended', () => {
    const stallMs = fc.integer({ min: 100, max: 3_600_000 });
    fc.assert(
      fc.property(fc.array(fc.nat(3_600_000), { maxLength: 20 }), stallMs, (gaps, stallMs) => {
        let silence = silenceAfter(undefined, 1, 0, stallMs);
        for (const gap of gaps) {
          const next = silenceAfter(silence, 1, gap, stallMs);
          expect(next.ms - silence.ms).to.equal(Math.min(gap, 100, stallMs / 2));
          silence = next;
        }
      }),
    );
  });
});

/**
 * Runs the ladder for a thread without heartbeats.
 * @returns how often the ladder has resumed the thread before it gave it up
 */
async function untilGivenUp(thread: Worker): Promise<number> {
  let state: WatchedThread['state'] = { kind: 'ready', descriptor: { slot: 1, app: undefined } };
  let resumed = 0;
  const ladder = await new Promise<StallLadder>((resolve) => {
    const watched: WatchedThread = {
      ...{ worker: 1, generation: 1, slot: 1, threadId: thread.threadId },
      get state() {
        return state;
      },
      stall() {
        state = { ...state, kind: 'stalled' } as never;
      },
      resume() {
        resumed += 1;
      },
      wedge: () => resolve(started),
      send() {},
      mayTerminate: false,
      terminate: async () => false,
    };
    const started = new StallLadder({
      threads: () => [watched],
      heartbeat: () => 7,
      stallMs: 100,
      drainMs: 0,
      log: { info() {}, warn() {}, error() {} },
      logFlightRecord() {},
      stalled() {},
    });
  });
  ladder.stop();
  await thread.terminate();
  return resumed;
}

/** It does nothing that it is told. */
const idle: WatchedThread = {
  ...{ worker: 1, generation: 1, slot: 1, threadId: -1 },
  state: { kind: 'ready', descriptor: { slot: 1, app: undefined } },
  ...{ stall() {}, resume() {}, wedge() {}, send() {} },
  mayTerminate: false,
  terminate: async () => false,
};

describe('the ladder for a stalled worker', () => {
  it('logs a failure of one of its steps, and continues with the next look', async () => {
    const failures: unknown[] = [];
    let failedTwice!: () => void;
    const again = new Promise<void>((resolve) => {
      failedTwice = resolve;
    });
    const ladder = new StallLadder({
      threads: () => [idle],
      heartbeat: () => 7,
      stallMs: 100,
      drainMs: 0,
      log: {
        info() {},
        warn() {},
        error: ({ err }: { readonly err: unknown }) => {
          if (failures.push(err) === 2) failedTwice();
        },
      },
      logFlightRecord() {
        throw new RangeError('a torn row');
      },
      stalled() {},
    });
    await again;
    ladder.stop();
    for (const failure of failures) expect(failure).to.be.instanceOf(RangeError);
  });

  it('never gives up a thread that gets through one callback after the other, however long the turn of its loop', async () => {
    const most = 8; // more than the attempts on a thread with any other reply
    const says = `
      const { parentPort } = require('node:worker_threads');
      let calls = 0;
      globalThis[Symbol.for('multilane.interrupt')] = () => {
        parentPort.postMessage(++calls);
        return calls <= ${most} ? '"progressing"' : '"unreachable"';
      };
      parentPort.postMessage(0);
      for (;;);`;
    const thread = new Worker(says, { eval: true });
    await once(thread, 'message');
    let asked = 0;
    thread.on('message', (calls: number) => {
      asked = calls;
    });
    await untilGivenUp(thread);
    expect(asked).to.equal(most + 1);
  });

  it('interrupts one request after the other, but gives up a thread that continues with the same one', async () => {
    const says = (requests: number): string => `
      const { parentPort } = require('node:worker_threads');
      let calls = 0;
      globalThis[Symbol.for('multilane.interrupt')] = () => {
        parentPort.postMessage(++calls);
        return JSON.stringify({ where: 'continuation', stack: [], requestId: String(Math.min(calls, ${requests})) });
      };
      parentPort.postMessage(0);
      for (;;);`;
    for (const requests of [1, 9]) {
      const thread = new Worker(says(requests), { eval: true });
      await once(thread, 'message');
      let asked = 0;
      thread.on('message', (calls: number) => {
        asked = calls;
      });
      await untilGivenUp(thread);
      expect(asked).to.equal(requests + 5);
    }
  });

  it('ignores a thread that was discarded while it loads code: its loop has not run yet', async () => {
    const stalled: string[] = [];
    const discarded: WatchedThread = {
      ...{ worker: 1, generation: 2, slot: 2, threadId: -1 },
      state: { kind: 'draining', reason: 'drained' },
      ...{
        stall: () => void stalled.push('discarded'),
        resume() {},
        wedge() {},
        send() {},
        mayTerminate: false,
        terminate: async () => false,
      },
    };
    // Each look comes to the discarded thread first.
    await new Promise<void>((resolve) => {
      const serving: WatchedThread = {
        ...{ worker: 2, generation: 1, slot: 1, threadId: -1 },
        state: { kind: 'ready', descriptor: { slot: 1, app: undefined } },
        ...{ resume() {}, wedge() {}, send() {}, mayTerminate: false, terminate: async () => false },
        stall: () => {
          stalled.push('serving');
          ladder.stop();
          resolve();
        },
      };
      const ladder: StallLadder = new StallLadder({
        threads: () => [discarded, serving],
        heartbeat: (slot) => (slot === 1 ? 7 : 0),
        stallMs: 100,
        drainMs: 0,
        log: { info() {}, warn() {}, error() {} },
        logFlightRecord() {},
        stalled() {},
      });
    });
    expect(stalled).to.deep.equal(['serving']);
  });

  it('looks less often at calm threads, but never where STALL_MS is short', () => {
    for (const [stallMs, expected] of [
      [100, [25]],
      [499, [25]],
      [500, [25]],
      [1_000, [25, 50, 25, 50]],
    ] as const) {
      const paces: number[] = [];
      let look!: () => void;
      let heartbeat = 1;
      const ladder = new StallLadder({
        every: (ms, work) => {
          paces.push(ms);
          look = work;
          return () => undefined;
        },
        threads: () => [idle],
        heartbeat: () => heartbeat,
        ...{ stallMs, drainMs: 0, log: { info() {}, warn() {}, error() {} } },
        ...{ logFlightRecord() {}, stalled() {} },
      });
      for (const isBeating of [true, true, false, true]) {
        if (isBeating) heartbeat++;
        // The time since the last look counts as a time without a heartbeat.
        for (const now = performance.now(); performance.now() === now; );
        look();
      }
      ladder.stop();
      expect(paces, `STALL_MS ${stallMs}`).to.deep.equal(expected);
    }
  });

  it('gives up a thread that never leaves the end of its stack', async () => {
    const says = `
      require('node:worker_threads').parentPort.postMessage(0);
      const dive = () => { try { dive(); } catch { dive(); } };
      dive();`;
    const thread = new Worker(says, { eval: true });
    await once(thread, 'message');
    expect(await untilGivenUp(thread)).to.equal(0);
  });

  it('replaces a thread that replies that it is responsive while it has no heartbeat', async () => {
    const says = `globalThis[Symbol.for('multilane.interrupt')] = () => '"responsive"'; for (;;);`;
    const thread = new Worker(says, { eval: true });
    await once(thread, 'online');
    expect(await untilGivenUp(thread)).to.equal(0);
  });
});
