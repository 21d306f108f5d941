// A loop that turns, or does not, as a test says.
import { LoopWatch } from '#src/resilience/loop-watch.js';

export class StandingLoop {
  now = 0;
  readonly watch: LoopWatch;
  #turn: (() => void) | undefined;

  constructor() {
    this.watch = new LoopWatch({
      now: () => this.now,
      every: (_ms, turn) => {
        this.#turn = turn;
        return () => {
          this.#turn = undefined;
        };
      },
    });
  }

  /** Whether anything looks at it. */
  get isWatched(): boolean {
    return this.#turn !== undefined;
  }

  /** Time passes and the loop turns all the while. */
  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) this.turnAfter(Math.min(50, end - this.now));
  }

  /** Time passes without a turn. */
  stand(ms: number): void {
    this.now += ms;
  }

  turnAfter(ms: number): void {
    this.now += ms;
    this.#turn?.();
  }
}
