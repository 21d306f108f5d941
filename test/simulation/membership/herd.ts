// Many processes whose registry server is away for a while: when it returns, they must not come all at once.
import { Cluster } from './cluster.js';
import type { Host } from './host.js';
import type { Kind } from './member.js';

export interface HerdOptions {
  readonly seed: number;
  readonly kind: Kind;
  readonly processes: number;
  /** Of each process. */
  readonly instances: number;
  readonly jitter?: () => number;
}

export interface HerdResult {
  /** The largest share of the processes that came back within the same tenth of a second. */
  readonly together: number;
  /** The most requests within a tenth of a second, by the number of processes. */
  readonly peak: number;
  /** Milliseconds from the return until all processes knew all instances. */
  readonly tookMs: number;
  readonly digest: string;
}

const STARTED_MS = 10_000;
const OUTAGE_MS = 30_000;
const RETURN_MS = 20_000;
const WINDOW_MS = 100;
const LOOK_MS = 50;
/** By full jitter over a second it is a fifth. */
const MOST_TOGETHER = 0.4;
/**
 * A process makes some ten requests to come back, within two seconds, and with HTTP one for each instance.
 */
const mostPeak = (instances: number): number => 4 + MOST_TOGETHER * instances;
/** docs/scaling.md has it. */
const BOUND_MS = 2_000;

/** @throws Finding for a rule that was broken */
export async function playHerd({
  seed,
  kind,
  processes,
  instances,
  jitter,
}: HerdOptions): Promise<HerdResult> {
  const cluster = new Cluster({ seed, kind, processes, instances, ...(jitter !== undefined && { jitter }) });
  const { time, trace, network, server } = cluster;
  await time.runUntil(STARTED_MS);
  trace.expect(cluster.missing() === undefined, 'all know all', () => `${cluster.missing()} at the start`);
  network.stop();
  server.wipe();
  await time.runUntil(time.now + OUTAGE_MS);
  const returnsAt = time.now;
  const [requests, arrivals] = [new Windows(), new Windows()];
  const back = new Set<Host>();
  network.onRequest = (host) => {
    const window = Math.floor((time.now - returnsAt) / WINDOW_MS);
    requests.add(window);
    if (!back.has(host)) arrivals.add(window);
    back.add(host);
  };
  server.restarted();
  network.start();
  let tookMs = Number.POSITIVE_INFINITY;
  while (time.now < returnsAt + RETURN_MS) {
    await time.runUntil(time.now + LOOK_MS);
    if (tookMs === Number.POSITIVE_INFINITY && cluster.missing() === undefined) tookMs = time.now - returnsAt;
  }
  const together = arrivals.most / processes;
  const peak = requests.most / processes;
  const share = (part: number): string => `${part.toFixed(2)} of the processes`;
  trace.expect(together < MOST_TOGETHER, 'no herd', () => `${share(together)} come back at once`);
  trace.expect(peak < mostPeak(instances), 'no herd', () => `${peak} requests of each process at once`);
  trace.expect(tookMs <= BOUND_MS, 'all know all', () => `${tookMs} ms after the return`);
  if (trace.finding !== undefined) throw trace.finding;
  return { together, peak, tookMs, digest: trace.digest() };
}

/** Counts by tenths of a second. */
class Windows {
  readonly #counts = new Map<number, number>();

  add(window: number): void {
    this.#counts.set(window, (this.#counts.get(window) ?? 0) + 1);
  }

  get most(): number {
    return Math.max(...this.#counts.values());
  }
}
