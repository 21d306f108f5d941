// What was started, in order, and how each part is stopped: in the reverse order, each exactly once, each
// within a bound.
import type { Logger } from 'pino';
import { Countdown } from '../countdown.js';

interface Part {
  readonly name: string;
  stop(countdown: Countdown): Promise<void> | void;
  /** Milliseconds that the parts which are stopped before have to leave; undefined: it shares theirs. */
  readonly reserveMs: number | undefined;
}

/** For all parts together that have nothing reserved. */
const SHARED_MS = 5_000;
/** Where nobody waits for the end: a database server may have much to write. */
const UNHURRIED_MS = 20_000;
/** Each part gets this much, whatever the others have taken. */
const LEAST_MS = 50;

export class Lifecycle {
  readonly #parts: Part[] = [];
  #sharedMs: number;
  #stopping: Promise<boolean> | undefined;

  constructor(sharedMs = SHARED_MS) {
    this.#sharedMs = sharedMs;
  }

  /**
   * Remembers how to stop what has just been started.
   * @param stop told how much time is left for it and for what is stopped behind it
   * @param reserveMs for a part that may take all the time that is left: at least this much
   */
  defer(name: string, stop: (countdown: Countdown) => Promise<void> | void, reserveMs?: number): void {
    this.#parts.push({ name, stop, reserveMs });
  }

  /**
   * One part that fails to stop does not keep the others running, nor one that does not come to an end.
   * @param countdown for all of them, spent with the last; one that is cut short meanwhile cuts short the
   *   part that is being stopped
   * @returns false when a part has failed, or not come to an end
   */
  stop(
    log: Pick<Logger, 'error'> | undefined,
    countdown: Countdown = new Countdown(UNHURRIED_MS),
  ): Promise<boolean> {
    this.#stopping ??= this.#stopAll(log, countdown).finally(() => countdown.cancel());
    return this.#stopping;
  }

  async #stopAll(log: Pick<Logger, 'error'> | undefined, countdown: Countdown): Promise<boolean> {
    let haveEnded = true;
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      const { name, reserveMs } = part;
      const begunAt = performance.now();
      const stopped = (async () => part.stop(countdown))().catch((error: unknown) => {
        haveEnded = false;
        log?.error({ err: error, part: name }, 'part did not stop cleanly');
      });
      const hasEnded = await countdown.ends(stopped, {
        reserveMs: this.#reservedMs(),
        atLeastMs: LEAST_MS,
        ...(reserveMs === undefined && { atMostMs: this.#sharedMs }),
      });
      const tookMs = performance.now() - begunAt;
      if (!hasEnded) {
        haveEnded = false;
        log?.error({ part: name, afterMs: Math.round(tookMs) }, 'part did not stop in time');
      }
      if (reserveMs === undefined) this.#sharedMs = Math.max(0, this.#sharedMs - tookMs);
    }
    return haveEnded;
  }

  /** For what is still to be stopped. */
  #reservedMs(): number {
    return this.#parts.reduce((sum, { reserveMs = 0 }) => sum + reserveMs, 0);
  }
}
