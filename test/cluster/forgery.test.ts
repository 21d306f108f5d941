// Messages that code of a service posts in the name of the runtime: whatever they are, the worker ends up
// with a thread that follows its orders.

import { BroadcastChannel } from 'node:worker_threads';
import { expect } from 'chai';
import type { LeaveReason } from '#src/cluster/messages.js';
import { RESTART_LIMITS } from '#src/cluster/restarts.js';
import { RollingReload } from '#src/cluster/rolling-reload.js';
import { Supervisor } from '#src/cluster/supervisor.js';
import { rowsFor } from '#src/cluster/worker-rows.js';
import { Block } from '#src/memory/block.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { createLogger } from '#src/telemetry/log.js';
import { settings as settingsOf } from '#test/config/loading.js';
import { until } from '#test/support/until.js';
import type { Forgery } from './forging-thread.js';
import { oneGroup } from './one-group.js';

const ENDING = 'multilane/test/forging-thread/end';

const NOT_ENDING = 'worker does not end although it was ordered to; starting a replacement';

const REASONS: readonly LeaveReason[] = ['drained', 'uncaught-exception', 'stalled'];
const leaving = REASONS.map((reason) => ({ type: 'leaving', reason, detail: undefined }));

describe('a message that code of a service has forged', () => {
  let supervisor: Supervisor;
  let errors: string[];

  async function start(forgery: Omit<Forgery, 'ending'>, workers = 1): Promise<void> {
    errors = [];
    const settings = await settingsOf({ argv: ['--workers', String(workers), '--drain-ms', '1000'] });
    const sink = {
      write: (line: string) => {
        const { level, msg } = JSON.parse(line) as { level: number; msg: string };
        if (level >= 50) errors.push(msg);
      },
      flush() {},
    };
    supervisor = new Supervisor({
      group: oneGroup(new URL('./forging-thread.js', import.meta.url), workers, { workerPort: 1 }),
      settings,
      block: Block.create({ workers: rowsFor(workers) }),
      series: new SeriesMemory(),
      instanceId: JSON.stringify({ ...forgery, ending: ENDING }),
      log: createLogger({ logLevel: 'info', logFormat: 'json' }, {}, sink),
      attachCpu: (port) => port.close(),
      reclaim() {},
      logFlightRecord() {},
      restarted() {},
      fatal: (message) => errors.push(`fatal: ${message}`),
      exhausted: (message) => errors.push(`exhausted: ${message}`),
      limits: { ...RESTART_LIMITS, overdueMs: forgery.isDeaf ? 50 : RESTART_LIMITS.overdueMs },
    });
    supervisor.start();
  }

  afterEach(async () => {
    await supervisor.stop(0);
    const channel = new BroadcastChannel(ENDING);
    channel.postMessage('end');
    channel.close();
    await until(
      () => supervisor.unfinished.length,
      (count) => count === 0,
    );
    expect(supervisor.unfinished).to.deep.equal([]);
  });

  /** Whether every worker has exactly one thread that is not lost, and that thread serves. */
  const served = (isLost: (generation: number) => boolean = () => false) =>
    until(
      () => supervisor.threads.filter(({ generation }) => !isLost(generation)),
      (threads) =>
        errors.length > 0 &&
        threads.length === supervisor.workers.length &&
        threads.every(({ state }) => state.kind === 'ready'),
      5000,
    );

  for (const moment of ['starting', 'ready'] as const) {
    for (const post of leaving) {
      it(`affects only its own thread: ${post.reason} while it is ${moment}`, async () => {
        await start({ moment, posts: [post, post], isDeaf: false }, 2);
        await served();
        expect(errors).to.include('worker leaves');
        expect(supervisor.workers.map(({ generation }) => generation)).to.deep.equal([2, 2]);
      });
    }
  }

  for (const post of leaving) {
    it(`does not prevent a thread from ending in order: ${post.reason}`, async () => {
      await start({ moment: 'draining', posts: [post, post], isDeaf: false });
      await supervisor.until((lanes) => lanes.every(({ state }) => state.kind === 'ready'));
      const { isReplaced, ended } = await supervisor.replace(1, 'reload');
      expect(isReplaced).to.equal(true);
      await ended;
      expect(supervisor.threads.map(({ generation }) => generation)).to.deep.equal([2]);
    });
  }

  it('is ignored, and logged once, where it is not valid in the protocol', async () => {
    const posts = [
      { type: 'fatal', detail: 'forged' },
      { type: 'failed', detail: 'forged' },
      { type: 'refused', message: 'forged', exitCode: 78 },
      { type: 'ready', descriptor: { slot: 1, app: undefined }, routes: [] },
    ];
    await start({ moment: 'ready', posts, isDeaf: false });
    await served();
    expect(errors).to.deep.equal(['worker failed']);
    expect(supervisor.workers[0]!.generation).to.equal(1);
  });

  it('does not block this reload or the next one when a thread receives no messages any more', async () => {
    await start({ moment: 'ready', posts: [], isDeaf: true, worker: 1 }, 2);
    await supervisor.until((lanes) => lanes.every(({ state }) => state.kind === 'ready'));
    const reload = new RollingReload(supervisor, createLogger({ logLevel: 'silent', logFormat: 'json' }));
    for (const generation of [2, 3]) {
      expect(await reload.begin()).to.equal(true);
      expect(supervisor.workers.map((lane) => lane.generation)).to.deep.equal([generation, generation]);
    }
    expect(errors).to.deep.equal([NOT_ENDING]);
  });

  it('does not prevent, however often it is posted, that a thread which leaves and receives no confirmation is given up', async () => {
    await start({ moment: 'ready', posts: [leaving[0]], isDeaf: true, isRepeated: true, worker: 1 }, 2);
    await until(
      () => errors,
      (lines) => lines.includes(NOT_ENDING),
    );
    expect(errors).to.include(NOT_ENDING);
  });

  it('leads to a successor when the thread that leaves receives no confirmation', async () => {
    for (const moment of ['starting', 'ready'] as const) {
      await start({ moment, posts: [leaving[1]], isDeaf: true });
      await served((generation) => generation === 1);
      await until(
        () => errors,
        (lines) => lines.includes(NOT_ENDING),
      );
      expect(errors.join()).to.not.match(/fatal|exhausted/);
      const channel = new BroadcastChannel(ENDING);
      channel.postMessage('end');
      channel.close();
      await supervisor.stop(0);
    }
  });
});
