// An event loop that runs or stalls as a test decides.
import { LoopWatch } from '#src/resilience/loop-watch.js';

export class StallingLoop {
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

  /** Whether a timer looks at it. */
  get isWatched(): boolean {
    return this.#turn !== undefined;
  }

  /** Lets time pass while the loop runs. */
  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) this.turnAfter(Math.min(50, end - this.now));
  }

  /** Lets time pass while the loop is stalled. */
  stall(ms: number): void {
    this.now += ms;
  }

  turnAfter(ms: number): void {
    this.now += ms;
    this.#turn?.();
  }
}
