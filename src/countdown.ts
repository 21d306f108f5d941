// A time limit that several steps share, one after the other. It can be shortened while a step runs.
import { Allowance } from './allowance.js';

export interface StepBound {
  /** Milliseconds that must be left for the steps that follow. @default 0 */
  readonly reserveMs?: number;
  /** Milliseconds that the step may take at most. @default unlimited */
  readonly atMostMs?: number;
  /** Milliseconds that the step gets even when less is left. @default 0 */
  readonly atLeastMs?: number;
}

export class Countdown {
  #allowance: Allowance;
  /** A function for each running step that applies a new limit to it. */
  readonly #rearm = new Set<() => void>();

  constructor(ms: number) {
    this.#allowance = new Allowance(ms);
  }

  /** Milliseconds that are left; 0 when the time is over. */
  get leftMs(): number {
    return this.#allowance.leftMs;
  }

  /** Reduces the time that is left to `ms`, for the running step too. It never extends it. */
  shorten(ms: number): void {
    if (ms >= this.leftMs) return;
    this.#allowance.cancel();
    this.#allowance = new Allowance(ms);
    for (const rearm of this.#rearm) rearm();
  }

  /** Clears the timer. */
  cancel(): void {
    this.#allowance.cancel();
  }

  /**
   * Resolves to true when the step has ended, to false when its time is over. Rejects when the step rejects.
   */
  ends(step: Promise<unknown>, bound: StepBound = {}): Promise<boolean> {
    const { reserveMs = 0, atMostMs = Number.POSITIVE_INFINITY, atLeastMs = 0 } = bound;
    const begunAt = performance.now();
    return new Promise((resolve, reject) => {
      let allowance: Allowance | undefined;
      const arm = (): void => {
        allowance?.cancel();
        const ownMs = atMostMs - (performance.now() - begunAt);
        const ms = Math.max(atLeastMs, Math.min(this.leftMs - reserveMs, ownMs), 0);
        allowance = new Allowance(ms, () => resolve(false));
      };
      arm();
      this.#rearm.add(arm);
      step
        .then(() => resolve(true), reject)
        .finally(() => {
          allowance?.cancel();
          this.#rearm.delete(arm);
        });
    });
  }
}
