// Stops what the process has started: the parts in the reverse order of their start, each exactly once, each
// within a limit of time. One part that fails to stop, or hangs, does not keep the others from being stopped.
import type { Logger } from 'pino';
import { Countdown } from '../countdown.js';

/** How one part of the process is stopped. */
interface StopStep {
  readonly name: string;
  stop(countdown: Countdown): Promise<void> | void;
  /** Milliseconds that earlier steps must leave for this one; undefined: it uses the shared time. */
  readonly reserveMs: number | undefined;
  /** Milliseconds after which the step may be cut, which is no failure; undefined: it must not be. */
  readonly cutAfterMs: number | undefined;
}

/** Time that all steps without a reserve have together. */
const SHARED_MS = 5_000;
/** Time for a stop that no caller has limited: a database server may have much to write. */
const UNLIMITED_MS = 20_000;
/** Time that each step gets, whatever the others have taken. */
const LEAST_MS = 50;

export class Lifecycle {
  readonly #steps: StopStep[] = [];
  #sharedMs: number;
  #stopping: Promise<boolean> | undefined;

  /** @param sharedMs time for all parts that have no reserve, in milliseconds */
  constructor(sharedMs = SHARED_MS) {
    this.#sharedMs = sharedMs;
  }

  /**
   * Remembers how to stop a part that has just been started.
   * @param name of the part, for the log
   * @param stop gets the time that is left for it and for what is stopped after it
   * @param reserveMs for a part that may take all the time that is left: milliseconds that are kept for it
   */
  defer(name: string, stop: (countdown: Countdown) => Promise<void> | void, reserveMs?: number): void {
    this.#steps.push({ name, stop, reserveMs, cutAfterMs: undefined });
  }

  /**
   * Remembers how to stop a part that loses nothing when its stop is cut.
   * @param cutAfterMs milliseconds that it may take
   */
  deferBrief(name: string, stop: () => Promise<void> | void, cutAfterMs: number): void {
    this.#steps.push({ name, stop, reserveMs: undefined, cutAfterMs });
  }

  /**
   * Stops all parts. A second call returns the result of the first.
   * @param countdown time for all parts; shortening it meanwhile also shortens the step that is under way
   * @returns false when a part has failed to stop, or has not stopped in time
   */
  stop(
    log: Pick<Logger, 'error'> | undefined,
    countdown: Countdown = new Countdown(UNLIMITED_MS),
  ): Promise<boolean> {
    this.#stopping ??= this.#stopAll(log, countdown).finally(() => countdown.cancel());
    return this.#stopping;
  }

  async #stopAll(log: Pick<Logger, 'error'> | undefined, countdown: Countdown): Promise<boolean> {
    let haveEnded = true;
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      const { name, reserveMs, cutAfterMs } = step;
      const startedAt = performance.now();
      const stopped = (async () => step.stop(countdown))().catch((error: unknown) => {
        haveEnded = false;
        log?.error({ err: error, part: name }, 'part did not stop cleanly');
      });
      const hasEnded = await countdown.ends(stopped, {
        reserveMs: this.#reservedMs(),
        atLeastMs: LEAST_MS,
        ...(reserveMs === undefined && { atMostMs: Math.min(this.#sharedMs, cutAfterMs ?? Infinity) }),
      });
      const tookMs = performance.now() - startedAt;
      if (!hasEnded && cutAfterMs === undefined) {
        haveEnded = false;
        log?.error({ part: name, afterMs: Math.round(tookMs) }, 'part did not stop in time');
      }
      if (reserveMs === undefined) this.#sharedMs = Math.max(0, this.#sharedMs - tookMs);
    }
    return haveEnded;
  }

  /** Time that is reserved for the steps that are still to come. */
  #reservedMs(): number {
    return this.#steps.reduce((sum, { reserveMs = 0 }) => sum + reserveMs, 0);
  }
}
