// Where the time of one request goes, for the log of slow requests. At each moment a request is in one phase,
// so the phases add up to its duration: it waits for something, or it is in one of three stages.
//
//   queue      before the handler: limits, hooks, validation
//   body       waiting for the body
//   handler    in the handler, without the next three
//   db         waiting for the database; calls and cpu are the same for other services and CPU tasks
//   response   from the beginning of the response to its end
//
// Every request is measured while slow ones are logged, and almost none of them is slow. So for most requests
// the clock is read twice, and the names of the phases are looked up only for a line.
import { performance } from 'node:perf_hooks';
import { WAITS, type Wait, type WorkTiming } from '../work-timing.js';

export type Stage = 'handler' | 'response';

export const PHASES = ['queue', 'body', 'handler', 'db', 'calls', 'cpu', 'response'] as const satisfies (
  | Stage
  | Wait
  | 'queue'
)[];

/** Indexes in PHASES. */
const [QUEUE, HANDLER, RESPONSE] = [0, 2, 6] as const;
const PHASE_OF: Readonly<Record<Wait, number>> = { body: 1, db: 3, calls: 4, cpu: 5 };

export class RequestPhases implements WorkTiming {
  /** Milliseconds of each phase, by its index. */
  readonly #ms = [0, 0, 0, 0, 0, 0, 0];
  /** The waits that go on; undefined before the first one. */
  #waits: Record<Wait, number> | undefined;
  #stage: number = QUEUE;
  #since: number;

  /** @param startedAt `performance.now()` at the end of the request header */
  constructor(startedAt: number) {
    this.#since = startedAt;
  }

  enter(stage: Stage, now = performance.now()): void {
    // A handler may go on after the beginning of its response.
    if (this.#stage === RESPONSE) return;
    this.#count(now);
    this.#stage = stage === 'handler' ? HANDLER : RESPONSE;
  }

  began(wait: Wait, now = performance.now()): void {
    this.#count(now);
    this.#waits ??= { body: 0, db: 0, calls: 0, cpu: 0 };
    this.#waits[wait]++;
  }

  ended(wait: Wait, now = performance.now()): void {
    this.#count(now);
    if (this.#waits !== undefined && this.#waits[wait] > 0) this.#waits[wait]--;
  }

  /** Milliseconds of each phase that took time, `{ handlerMs: 12.5 }`, and those before the response. */
  end(now = performance.now()): {
    readonly phases: Record<string, number>;
    readonly untilResponseMs: number;
  } {
    this.#count(now);
    const phases: Record<string, number> = {};
    let untilResponseMs = 0;
    for (const [index, phase] of PHASES.entries()) {
      const ms = this.#ms[index]!;
      if (index !== RESPONSE) untilResponseMs += ms;
      if (ms > 0) phases[`${phase}Ms`] = Math.round(ms * 100) / 100;
    }
    return { phases, untilResponseMs };
  }

  #count(now: number): void {
    this.#ms[this.#phase()]! += now - this.#since;
    this.#since = now;
  }

  #phase(): number {
    const waits = this.#waits;
    if (waits === undefined || this.#stage === RESPONSE) return this.#stage;
    for (const wait of WAITS) if (waits[wait] > 0) return PHASE_OF[wait];
    return this.#stage;
  }
}
