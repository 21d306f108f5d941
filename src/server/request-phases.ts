// Where the time of one request goes, for the log of slow requests. At each moment a request is in one phase,
// so the phases add up to its duration: it waits for something, or it is in one of three stages.
//
//   queue      before the handler: limits, hooks, validation
//   body       waiting for the body
//   handler    in the handler, without the next three
//   db         waiting for the database; calls and cpu are the same for other services and CPU tasks
//   response   from the beginning of the response to its end
import { performance } from 'node:perf_hooks';
import { WAITS, type Wait, type WorkTiming } from '../work-timing.js';

export type Stage = 'queue' | 'handler' | 'response';
type Phase = Stage | Wait;

export const PHASES = [
  'queue',
  'body',
  'handler',
  'db',
  'calls',
  'cpu',
  'response',
] as const satisfies Phase[];

export class RequestPhases implements WorkTiming {
  readonly #ms: Record<Phase, number> = {
    queue: 0,
    body: 0,
    handler: 0,
    db: 0,
    calls: 0,
    cpu: 0,
    response: 0,
  };
  readonly #waits: Record<Wait, number> = { body: 0, db: 0, calls: 0, cpu: 0 };
  #stage: Stage = 'queue';
  #since: number;

  /** @param startedAt `performance.now()` at the end of the request header */
  constructor(startedAt: number) {
    this.#since = startedAt;
  }

  enter(stage: Stage, now = performance.now()): void {
    // A handler may go on after the beginning of its response.
    if (this.#stage === 'response') return;
    this.#count(now);
    this.#stage = stage;
  }

  began(wait: Wait, now = performance.now()): void {
    this.#count(now);
    this.#waits[wait]++;
  }

  ended(wait: Wait, now = performance.now()): void {
    this.#count(now);
    if (this.#waits[wait] > 0) this.#waits[wait]--;
  }

  /** Milliseconds of each phase that took time, `{ handlerMs: 12.5 }`, and those before the response. */
  end(now = performance.now()): {
    readonly phases: Record<string, number>;
    readonly untilResponseMs: number;
  } {
    this.#count(now);
    const phases: Record<string, number> = {};
    let untilResponseMs = 0;
    for (const phase of PHASES) {
      const ms = this.#ms[phase];
      if (phase !== 'response') untilResponseMs += ms;
      if (ms > 0) phases[`${phase}Ms`] = Math.round(ms * 100) / 100;
    }
    return { phases, untilResponseMs };
  }

  #count(now: number): void {
    this.#ms[this.#phase] += now - this.#since;
    this.#since = now;
  }

  get #phase(): Phase {
    if (this.#stage === 'response') return 'response';
    for (const wait of WAITS) if (this.#waits[wait] > 0) return wait;
    return this.#stage;
  }
}
