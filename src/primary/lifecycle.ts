// What was started, in order, and how each part is stopped: in the reverse order, each exactly once, each within a bound.
import type { Logger } from 'pino';
import { within } from '../allowance.js';

interface Part {
  readonly name: string;
  stop(): Promise<void> | void;
  /** Milliseconds of its own; undefined: what is left of the time that the parts share. */
  readonly withinMs: number | undefined;
}

/** For all parts together that have no bound of their own. */
const SHARED_MS = 5_000;
/** Each part gets this much, whatever the others have taken. */
const LEAST_MS = 100;

export class Lifecycle {
  readonly #parts: Part[] = [];
  #leftMs: number;
  #stopping: Promise<boolean> | undefined;

  constructor(sharedMs = SHARED_MS) {
    this.#leftMs = sharedMs;
  }

  /**
   * Remembers how to stop what has just been started.
   * @param withinMs a bound of its own, for a part that may take long
   */
  defer(name: string, stop: () => Promise<void> | void, withinMs?: number): void {
    this.#parts.push({ name, stop, withinMs });
  }

  /**
   * One part that fails to stop does not keep the others running, nor one that does not come to an end.
   * @returns false when a part has not come to an end
   */
  stop(log: Pick<Logger, 'error'> | undefined): Promise<boolean> {
    this.#stopping ??= this.#stopAll(log);
    return this.#stopping;
  }

  async #stopAll(log: Pick<Logger, 'error'> | undefined): Promise<boolean> {
    let haveEnded = true;
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      const { name, withinMs } = part;
      const mostMs = withinMs ?? Math.max(LEAST_MS, this.#leftMs);
      const stopped = (async () => part.stop())().catch((error: unknown) => {
        log?.error({ err: error, part: name }, 'part did not stop cleanly');
      });
      const { hasEnded, leftMs } = await within(mostMs, stopped);
      if (!hasEnded) {
        haveEnded = false;
        log?.error({ part: name, withinMs: Math.round(mostMs) }, 'part did not stop in time');
      }
      if (withinMs === undefined) this.#leftMs = leftMs;
    }
    return haveEnded;
  }
}
