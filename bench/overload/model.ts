// A model of a process with workers, and of the responses that its clients see. The load generator costs
// nothing.
import { Agenda } from './agenda.js';
import type { ModelGate, Policy, RouteSpec } from './gates/gate.js';
import { ModelLoop, type Pauses, type Task } from './model-loop.js';
import { Random } from './random.js';

/** The work of one request: CPU, wait, CPU, wait, … CPU. */
export interface Work {
  readonly route: number;
  /** CPU times in milliseconds; there is one more than there are waits. */
  readonly cpu: readonly number[];
  readonly waits: readonly number[];
  /** The event that ends a wait. @default a timer */
  readonly via?: 'timer' | 'socket';
  /** Milliseconds from the header to the body. Admission is requested when the body is complete. */
  readonly uploadMs?: number;
  /** The response is a stream: it leaves the gate when it begins, and continues in pieces. */
  readonly stream?: { readonly pieces: number; readonly everyMs: number; readonly cpuMs: number };
}

export class Tally {
  offered = 0;
  refused = 0;
  done = 0;
  lastRefusalAt = Number.NEGATIVE_INFINITY;
  readonly latencies: number[] = [];
  /** Number of latencies from the time in which an overload settles. */
  unsettled = 0;
  readonly refusalLatencies: number[] = [];
}

export interface ModelOptions {
  readonly workers: number;
  readonly seed: number;
  readonly policy: Policy;
  readonly routes: readonly RouteSpec[];
  readonly refusalMs: number;
  readonly pauses?: ((random: Random) => Pauses) | undefined;
}

/** CPU time of the runtime itself for an admitted request. */
export const OVERHEAD_MS = 0.008;
const HEADER_MS = 0.01;
const BEAT_MS = 50;
const BEAT_CPU_MS = 0.01;
/** Resolution of the timers that delay refusals. */
const HOLD_GRAIN_MS = 10;

interface ModelWorker {
  readonly loop: ModelLoop;
  readonly gates: readonly ModelGate[];
}

export class Model {
  readonly agenda = new Agenda();
  readonly random: Random;
  readonly workers: readonly ModelWorker[];
  total = new Tally();
  byRoute: readonly Tally[];
  readonly #refusalMs: number;
  readonly #routes: readonly RouteSpec[];

  constructor({ workers, seed, policy, routes, refusalMs, pauses }: ModelOptions) {
    this.random = new Random(seed);
    this.#refusalMs = refusalMs;
    this.#routes = routes;
    this.byRoute = routes.map(() => new Tally());
    const process = policy(workers);
    this.workers = Array.from({ length: workers }, (_, worker) => {
      const loop = new ModelLoop(this.agenda, pauses?.(new Random(seed + 1 + worker)));
      const admission = process({ worker, loop });
      const beat: Task = {
        begin: () => {
          admission.beat();
          return BEAT_CPU_MS;
        },
        end: () => loop.timer(BEAT_MS, beat),
      };
      loop.timer(1 + ((worker * 7) % BEAT_MS), beat);
      return { loop, gates: routes.map((route) => admission.gate(route)) };
    });
  }

  /** Resets all counts. */
  restart(): void {
    this.total = new Tally();
    this.byRoute = this.#routes.map(() => new Tally());
  }

  /** @param answered called when the response arrives, with whether the request was admitted */
  send(work: Work, worker: number, answered: (admitted: boolean) => void = () => {}): void {
    const { loop } = this.workers[worker]!;
    const sentAt = this.agenda.now;
    const tallies = [this.total, this.byRoute[work.route]!];
    for (const tally of tallies) tally.offered++;
    if (work.uploadMs === undefined) {
      this.#arrive(work, worker, sentAt, tallies, answered);
      return;
    }
    loop.readable({ begin: () => HEADER_MS, end() {} });
    this.agenda.after(work.uploadMs, () => {
      this.#arrive(work, worker, this.agenda.now, tallies, answered);
    });
  }

  #arrive(
    work: Work,
    worker: number,
    since: number,
    tallies: readonly Tally[],
    answered: (admitted: boolean) => void,
  ): void {
    const { loop, gates } = this.workers[worker]!;
    const gate = gates[work.route]!;
    let ticket = 0;
    loop.readable({
      begin: () => {
        ticket = gate.enter();
        return ticket > 0 ? work.cpu[0]! + OVERHEAD_MS : this.#refusalMs;
      },
      end: () => {
        if (ticket === 0) {
          this.#refuse(loop, gate.holdMs, since, tallies, answered);
          return;
        }
        const { now } = this.agenda;
        this.#goOn(work, 0, loop, () => {
          gate.leave(ticket, this.agenda.now - now + work.cpu[0]!, work.waits.length === 0);
          for (const tally of tallies) {
            tally.done++;
            tally.latencies.push(this.agenda.now - since);
          }
          if (work.stream !== undefined) this.#stream(loop, work.stream, work.stream.pieces);
          answered(true);
        });
      },
    });
  }

  /** Runs the waits and the CPU work of a request until none is left. */
  #goOn(work: Work, part: number, loop: ModelLoop, finished: () => void): void {
    if (part >= work.waits.length) {
      finished();
      return;
    }
    const next: Task = {
      begin: () => work.cpu[part + 1]!,
      end: () => this.#goOn(work, part + 1, loop, finished),
    };
    if (work.via === 'socket') this.agenda.after(work.waits[part]!, () => loop.readable(next));
    else loop.timer(work.waits[part]!, next);
  }

  #stream(loop: ModelLoop, stream: NonNullable<Work['stream']>, left: number): void {
    if (left === 0) return;
    loop.timer(stream.everyMs, {
      begin: () => stream.cpuMs,
      end: () => this.#stream(loop, stream, left - 1),
    });
  }

  #refuse(
    loop: ModelLoop,
    holdMs: number,
    since: number,
    tallies: readonly Tally[],
    answered: (admitted: boolean) => void,
  ): void {
    const refused = (): void => {
      for (const tally of tallies) {
        tally.refused++;
        tally.lastRefusalAt = this.agenda.now;
        tally.refusalLatencies.push(this.agenda.now - since);
      }
      answered(false);
    };
    if (holdMs < HOLD_GRAIN_MS) refused();
    else loop.timer(Math.ceil(holdMs / HOLD_GRAIN_MS) * HOLD_GRAIN_MS, { begin: () => 0, end: refused });
  }
}
