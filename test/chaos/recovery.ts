// Measures by GET /workers how long after a fault all workers are ready again, and how long each of them was
// missing.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '#test/support/cluster.js';
import { type WorkerView, workersOf } from '#test/support/rolling.js';

const LOOK_EVERY_MS = 40;
/**
 * A fault has not harmed a worker if none is replaced for this long: it has hit one that was already ending.
 */
const EFFECT_MS = 10_000;

interface Open {
  readonly at: number;
  readonly generations: number;
  hasChanged: boolean;
}

export class Recoveries {
  /** Recovery time in milliseconds of each fault that had an effect. */
  readonly took: number[] = [];
  /** Milliseconds of each time for which a worker had no ready thread. */
  readonly outages: number[] = [];
  /** Workers without a ready thread, each with the time since when. */
  readonly #missing = new Map<number, number>();
  readonly #cluster: Cluster;
  readonly #workers: number;
  readonly #watching: Promise<void>;
  #open: Open[] = [];
  #generations = 0;
  #isQuiet = true;
  #stopped = false;

  constructor(cluster: Cluster, workers: number) {
    this.#cluster = cluster;
    this.#workers = workers;
    this.#watching = this.#watch();
    this.#watching.catch(() => undefined); // `stop` rejects with it
  }

  /** Records that a fault happens now. */
  fault(): void {
    this.#open.push({ at: performance.now(), generations: this.#generations, hasChanged: false });
  }

  /**
   * True when all workers are ready, their predecessors have ended, and no fault can still have an effect.
   */
  get isQuiet(): boolean {
    return this.#isQuiet && this.#open.length === 0;
  }

  /** @throws Error when /workers could not be read */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#watching;
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      const askedAt = performance.now();
      this.#see(await workersOf(this.#cluster), askedAt);
      await sleep(LOOK_EVERY_MS);
    }
  }

  #see(list: readonly WorkerView[], now: number): void {
    this.#generations = list.reduce((sum, { generation }) => sum + generation, 0);
    const ready = new Set(list.filter(({ state }) => state === 'ready').map(({ id }) => id));
    this.#noteOutages(ready, now);
    const allReady = ready.size === this.#workers;
    this.#isQuiet = allReady && list.length === this.#workers;
    for (const one of this.#open) {
      if (one.at < now) one.hasChanged ||= !allReady || this.#generations !== one.generations;
    }
    if (!allReady) return;
    this.#open = this.#open.filter(({ at, hasChanged }) => {
      if (hasChanged) this.took.push(now - at);
      return !hasChanged && now - at < EFFECT_MS;
    });
  }

  #noteOutages(ready: ReadonlySet<number>, now: number): void {
    for (let worker = 1; worker <= this.#workers; worker += 1) {
      const since = this.#missing.get(worker);
      if (!ready.has(worker)) this.#missing.set(worker, since ?? now);
      else if (since !== undefined) {
        this.outages.push(now - since);
        this.#missing.delete(worker);
      }
    }
  }
}
