// Who is admitted, and who is refused instead of being queued. Two bounds: MAX_IN_FLIGHT, exact over all
// threads, and below it the overload rule (overload-rule.ts), which every thread applies to its own event
// loop, because that is where its requests queue.
import { type GateRoute, type SharedRoute, ThreadGate, type ThreadGateOptions } from './thread-gate.js';

/**
 * `critical`: refused at MAX_IN_FLIGHT only; `normal`: by the overload rule, too; `background`: where half of
 * what
 * `normal` may fill is taken, so that it gives way first.
 */
export type Priority = 'critical' | 'normal' | 'background';
export const PRIORITIES: readonly Priority[] = ['critical', 'normal', 'background'];

/**
 * Work queues in the thread; MAX_IN_FLIGHT is reached; other routes need the permits that are left; the
 * request is
 * `background` and half is taken.
 */
export type Refusal = 'queue' | 'max_in_flight' | 'route_share' | 'background';
export const REFUSALS: readonly Refusal[] = ['queue', 'max_in_flight', 'route_share', 'background'];

/** The admission gate of one route. */
export interface AdmissionGate {
  /** How many of this route run in this thread now, itself included; 0: refused, nothing was taken. */
  enter(): number;
  /**
   * The request holds its permit no longer.
   * @param isSynchronous it was admitted in the call that is running. Default false
   */
  leave(isSynchronous?: boolean): void;
  /** Milliseconds by which a refusal is to be held back at present, usually 0. */
  readonly holdMs: number;
}

/** In-flight counts and costs of one route, shared by all threads. */
export interface RouteCells extends SharedRoute {
  /** @returns requests of the process in flight before this one */
  enter(): number;
  leave(): void;
}

export interface AdmissionCells {
  /** Requests of the process. */
  readonly inFlight: number;
  routeOf(name: string): RouteCells;
  publish: ThreadGateOptions['publish'];
}

export interface AdmissionOptions extends Pick<ThreadGateOptions, 'loop' | 'tuning'> {
  readonly cells: AdmissionCells;
  readonly onRefused: (reason: Refusal) => void;
  /** MAX_IN_FLIGHT */
  readonly most: number;
  /** ADAPTIVE_LIMIT. Off: only MAX_IN_FLIGHT refuses, and half of it `background`. */
  readonly isAdaptive: boolean;
}

/**
 * A route may always have this many in flight: a share of a small MAX_IN_FLIGHT would cut what it was set
 * for.
 */
const LEAST_SHARE = 256;
/** What a route may hold, in permits that are free. */
const SHARE_OF_FREE = 7;

/** As one thread uses it. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #threadGate: ThreadGate;

  constructor(options: AdmissionOptions) {
    const { cells, most, loop, tuning } = options;
    this.#options = options;
    this.#threadGate = new ThreadGate({
      publish: (state) => cells.publish(state),
      isCrowded: () => cells.inFlight * 4 >= most,
      ...(loop && { loop }),
      ...(tuning && { tuning }),
    });
  }

  /** @param name of the route, the same in all threads */
  gate(priority: Priority, name: string): AdmissionGate {
    return new RouteGate(priority, name, this.#options, this.#threadGate);
  }

  /** Call about every 50 ms. */
  beat(): void {
    if (this.#options.isAdaptive) this.#threadGate.beat();
  }
}

class RouteGate implements AdmissionGate {
  readonly #priority: Priority;
  readonly #cells: RouteCells;
  readonly #threadGate: ThreadGate;
  readonly #route: GateRoute;
  readonly #isAdaptive: boolean;
  readonly #onRefused: (reason: Refusal) => void;
  readonly #mostOfProcess: number;
  readonly #most: number;

  constructor(priority: Priority, name: string, options: AdmissionOptions, threadGate: ThreadGate) {
    const { cells, most, isAdaptive, onRefused } = options;
    this.#priority = priority;
    this.#cells = cells.routeOf(name);
    this.#threadGate = threadGate;
    this.#route = threadGate.add(this.#cells);
    this.#isAdaptive = isAdaptive;
    this.#onRefused = onRefused;
    this.#mostOfProcess = most;
    this.#most = priority === 'background' ? Math.max(1, Math.floor(most / 2)) : most;
  }

  get holdMs(): number {
    return this.#threadGate.holdMs;
  }

  enter(): number {
    const priority = this.#priority;
    const threadGate = this.#threadGate;
    if (this.#isAdaptive) {
      threadGate.turn();
      if (priority === 'normal' && !threadGate.hasRoom(this.#route, false))
        return this.#refuse('queue', true);
      if (priority === 'background' && !threadGate.hasRoom(this.#route, true)) {
        return this.#refuse('background', true);
      }
    }
    const before = this.#cells.enter();
    if (before >= this.#most) {
      this.#cells.leave();
      return this.#refuse(before >= this.#mostOfProcess ? 'max_in_flight' : 'background', false);
    }
    if (this.#isAdaptive && before * 2 >= this.#mostOfProcess && priority !== 'critical') {
      if (this.#isOverShare(before)) {
        this.#cells.leave();
        return this.#refuse('route_share', false);
      }
    }
    if (this.#isAdaptive) threadGate.admitted(this.#route);
    return ++this.#route.running;
  }

  leave(isSynchronous = false): void {
    this.#route.running--;
    if (this.#isAdaptive) this.#threadGate.left(this.#route, isSynchronous);
    this.#cells.leave();
  }

  /**
   * Dynamic thresholds, as for work: a route may hold seven times the permits that are free, so one slow
   * route leaves an eighth of MAX_IN_FLIGHT to the others, and two leave a fifteenth. Exact over all threads,
   * because a request counts before it is judged.
   */
  #isOverShare(before: number): boolean {
    if (!this.#threadGate.sharesPermits) return false;
    return this.#cells.inFlight > Math.max(LEAST_SHARE, SHARE_OF_FREE * (this.#mostOfProcess - before));
  }

  #refuse(reason: Refusal, isQueue: boolean): 0 {
    if (this.#isAdaptive) this.#threadGate.refused(this.#route, isQueue);
    this.#onRefused(reason);
    return 0;
  }
}
