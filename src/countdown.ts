// Time that several steps share, one after the other, and that may be cut short while one of them runs.
import { Allowance } from './allowance.js';

export interface StepBound {
  /** What has to be left for the steps behind this one, in milliseconds. @default 0 */
  readonly reserveMs?: number;
  /** What the step may take at most, in milliseconds. @default unlimited */
  readonly atMostMs?: number;
  /** What the step gets whatever is left, in milliseconds. @default 0 */
  readonly atLeastMs?: number;
}

export class Countdown {
  #allowance: Allowance;
  /** Steps under way, each by what cuts it short. */
  readonly #steps = new Set<() => void>();

  constructor(ms: number) {
    this.#allowance = new Allowance(ms);
  }

  /** Milliseconds, 0 when it is over. */
  get leftMs(): number {
    return this.#allowance.leftMs;
  }

  /** From here on no more than this is left; also for the step that is under way. */
  shorten(ms: number): void {
    if (ms >= this.leftMs) return;
    this.#allowance.cancel();
    this.#allowance = new Allowance(ms);
    for (const rearm of this.#steps) rearm();
  }

  /** Lets go of the timer. */
  cancel(): void {
    this.#allowance.cancel();
  }

  /** Resolves when the step has ended (true) or its time is over (false). Rejects when it does. */
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
      this.#steps.add(arm);
      step
        .then(() => resolve(true), reject)
        .finally(() => {
          allowance?.cancel();
          this.#steps.delete(arm);
        });
    });
  }
}
