// Plays a story with some parts and a seed.
import { Mesh } from './mesh.js';
import { type Parts, REAL } from './parts.js';
import { PICKERS } from './pickers.js';
import { type Story, timeToEject } from './stories.js';

export interface CallResult {
  readonly story: string;
  readonly calls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The most requests at an instance by the mean. */
  readonly spread: number;
  /** The share of the calls that failed. */
  readonly failed: number;
  /** Milliseconds from the fault until all processes have ejected the instance; NaN: nothing is broken. */
  readonly ejectedMs: number;
  /** The hash of all events. */
  readonly digest: string;
}

const BEGINS_MS = 500;
/** Queues have filled by then. */
const MEASURED_FROM_MS = 3_000;

/** @throws Finding for a rule that was broken */
export async function play(story: Story, seed: number, parts: Parts = REAL): Promise<CallResult> {
  const mesh = new Mesh({ ...story, seed, parts });
  const { time, log, trace } = mesh;
  mesh.begin(BEGINS_MS);
  time.quietly(MEASURED_FROM_MS, () => log.measure());
  story.play?.(mesh);
  await time.runAsProcessClock(story.seconds * 1000);
  story.check?.(mesh);
  if (trace.finding !== undefined) throw trace.finding;
  return {
    story: story.name,
    calls: log.calls,
    p50Ms: log.latencyMs(0.5),
    p99Ms: log.latencyMs(0.99),
    spread: log.spread,
    failed: log.failedBetween(0, story.seconds),
    ejectedMs: story.breaksAt === undefined ? Number.NaN : timeToEject(mesh, story.breaksAt),
    digest: trace.digest(),
  };
}

export const withPicker = (name: string): Parts => ({ ...REAL, picker: PICKERS[name]! });
