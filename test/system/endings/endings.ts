// The guarantees of every end, whatever the process is doing: it comes within its bound, leaves
// no process of Multilane running, and the next start works.
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type Exit, type Launched, launchCluster, newDataDir, startCluster } from '#test/support/cluster.js';
import { reap } from '#test/support/leftovers.js';
import { until } from '#test/support/until.js';
import { ENDING } from '../fixtures/paths.js';
import type { State } from './states.js';

const DRAIN_MS = 500;
/** A signal counts as a second one only when it comes a second later. */
const SECOND_MS = 1_050;

export interface Ended {
  readonly exit: Exit;
  /** The longest time from the last signal to the end. */
  readonly tookMs: number;
  /** The longest time that the drain, or an immediate stop, may take. */
  readonly boundMs: number;
}

export type Signals = 'one signal' | 'two signals';

/** Enters the state, ends the process, and checks what is left. */
export async function endIn(state: State, signals: Signals): Promise<Ended> {
  const dataDir = newDataDir();
  const cleanUps: (() => unknown)[] = [];
  try {
    const extra = await state.prepare?.(dataDir, (undo) => cleanUps.push(undo));
    const env = { DRAIN_MS: String(DRAIN_MS), ...state.env, ...extra };
    const { within = [] } = state;
    const cluster = launchCluster({ config: ENDING, dataDir, env, within });
    const undos: (() => unknown)[] = [];
    let ended: Ended;
    try {
      const { url, adminUrl } = state.whileStarting ? { url: '', adminUrl: '' } : await cluster.ready();
      await state.enter({ cluster, url, adminUrl, after: (undo) => undos.push(undo) });
      const draining = state.drains && (() => seenDraining(adminUrl));
      ended = await end(cluster, signals, draining);
    } finally {
      cluster.signal('SIGKILL');
      for (const undo of undos.reverse()) await undo();
    }
    // Processes that a handler or a task has started do not count.
    const left = cluster.leftovers().filter((line) => !line.includes('sleep'));
    expect(left, 'nothing of ours runs').to.deep.equal([]);
    const next = await startCluster({ config: ENDING, dataDir, env: { DRAIN_MS: String(DRAIN_MS) } });
    expect(await next.stop()).to.deep.equal({ code: 0, signal: null });
    return ended;
  } finally {
    await reap(dataDir);
    for (const undo of cleanUps.reverse()) await undo();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Waits until /readyz reports the drain. @throws Error when the process ends before */
async function seenDraining(adminUrl: string): Promise<void> {
  const status = await until(
    async () => (await fetch(`${adminUrl}/readyz`)).status,
    (seen) => seen !== 200,
  );
  expect(status, '/readyz in the drain').to.equal(503);
}

async function end(
  cluster: Launched,
  signals: Signals,
  draining: (() => Promise<void>) | undefined,
): Promise<Ended> {
  let boundMs = DRAIN_MS + 3_000;
  let from = performance.now();
  cluster.signal('SIGTERM');
  await draining?.();
  if (signals === 'two signals') {
    const isOver = await Promise.race([cluster.exited.then(() => true), sleep(SECOND_MS, false)]);
    if (!isOver) {
      boundMs = 2_000;
      from = performance.now();
      cluster.signal('SIGTERM');
    }
  }
  const exit = await Promise.race([cluster.exited, sleep(60_000, undefined, { ref: false })]);
  if (exit === undefined) throw new Error('it still runs a minute later');
  return { exit, tookMs: performance.now() - from, boundMs };
}
