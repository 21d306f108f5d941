// Threads that take and release permits of all kinds, and are killed and replaced again and again while
// others continue.
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { permitCensus } from '#src/memory/permit-census.js';
import { seeded } from '#test/support/random.js';
import type { Hammering } from './permit-hammer.js';
import { LASTING_KINDS } from './permit-kinds.js';

const [LIVING, KILLED] = [
  [1, 2],
  [3, 4],
] as const;
const MOST_TURNS = 200;
const MOST_LOOKS = 1_000_000;

export interface Storm {
  /** For each kind of permits: those that threads hold in the end, and those that are counted. */
  readonly held: Readonly<Record<string, number>>;
  readonly counted: Readonly<Record<string, number>>;
  /** Reclaims after which a census was still pending. */
  readonly late: number;
}

export async function permitStorm(kills: number, seed: number): Promise<Storm> {
  const random = seeded(seed);
  const block = Block.create({ workers: LIVING.length + KILLED.length });
  const settle = permitCensus(block);
  const control = new SharedArrayBuffer(64);
  const words = new Int32Array(control);
  for (const kind of LASTING_KINDS) kind.begin(block);
  const start = (slot: number, pauseMs: number): Worker => {
    const seed = Math.floor(random() * 2 ** 31);
    const workerData: Hammering = { memory: block.buffer, slot, seed, pauseMs, control };
    return new Worker(new URL('./permit-hammer.js', import.meta.url), { workerData });
  };
  const living = LIVING.map((slot) => start(slot, 1));
  let late = 0;
  for (let kill = 0; kill < kills; kill += KILLED.length) {
    const from = KILLED.map((slot) => Atomics.load(words, 1 + slot));
    const victims = KILLED.map((slot) => start(slot, 0));
    const turns = Math.floor(random() * MOST_TURNS);
    const isWarm = (slot: number, index: number) => Atomics.load(words, 1 + slot) - from[index]! > turns;
    while (!KILLED.every(isWarm)) await turn();
    await Promise.all(victims.map((victim) => victim.terminate()));
    for (const slot of KILLED) for (const kind of LASTING_KINDS) kind.reclaim(block, slot);
    if (settle() > 0) late++;
    for (let look = 0; settle() > 0; look++) {
      expect(look, 'looks for a moment at which no thread is in the middle').to.be.below(MOST_LOOKS);
      await turn();
    }
  }
  const reports = Promise.all(living.map((thread) => once(thread, 'message') as Promise<[number[]]>));
  Atomics.store(words, 0, 1);
  Atomics.notify(words, 0);
  const holding = (await reports).map(([held]) => held);
  const byName = (of: (kind: (typeof LASTING_KINDS)[number], index: number) => number) =>
    Object.fromEntries(LASTING_KINDS.map((kind, index) => [kind.name, of(kind, index)]));
  return {
    held: byName((_kind, index) => holding.reduce((sum, held) => sum + held[index]!, 0)),
    counted: byName((kind) => kind.held(block)),
    late,
  };
}
