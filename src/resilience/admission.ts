// Admission control: which requests are admitted, and which are rejected instead of being queued. There are
// two limits: MAX_IN_FLIGHT, exact over all threads, and below it the overload rule (overload-rule.ts), which
// every thread applies to its own event loop, because that is where its requests queue.
import { type GateRoute, type SharedRoute, ThreadGate, type ThreadGateOptions } from './thread-gate.js';

/**
 * How early an overloaded process rejects requests of a route. `critical`: only at MAX_IN_FLIGHT. `normal`:
 * also by the overload rule. `background`: as soon as half of what `normal` requests may fill is taken, so
 * first.
 */
export type Priority = 'critical' | 'normal' | 'background';
export const PRIORITIES: readonly Priority[] = ['critical', 'normal', 'background'];

/**
 * Why a request was rejected. `queue`: work queues in the thread. `max_in_flight`: MAX_IN_FLIGHT is reached.
 * `route_share`: other routes need the permits that are left. `background`: the request has this priority,
 * and half of what `normal` requests may fill is taken.
 */
export type Refusal = 'queue' | 'max_in_flight' | 'route_share' | 'background';
export const REFUSALS: readonly Refusal[] = ['queue', 'max_in_flight', 'route_share', 'background'];

/** The admission gate of one route. */
export interface AdmissionGate {
  /**
   * @returns requests of the route that run in this thread now, with this one; 0: rejected, no permit taken
   */
  enter(): number;
  /**
   * Returns the permit of a request.
   * @param isSynchronous whether it was admitted in the call that is running
   */
  leave(isSynchronous?: boolean): void;
  /** Milliseconds by which a rejection is to be delayed at present, usually 0. */
  readonly holdMs: number;
}

/** In-flight counts and costs of one route, shared by all threads. */
export interface RouteCells extends SharedRoute {
  /** @returns the number of requests of the process in flight before this one */
  enter(): number;
  leave(): void;
}

export interface AdmissionCells {
  /** Requests of the process in flight. */
  readonly inFlight: number;
  routeOf(name: string): RouteCells;
  publish: ThreadGateOptions['publish'];
}

export interface AdmissionOptions extends Pick<ThreadGateOptions, 'loop' | 'tuning'> {
  readonly cells: AdmissionCells;
  readonly onRefused: (reason: Refusal) => void;
  /** The setting MAX_IN_FLIGHT. */
  readonly most: number;
  /** The setting ADAPTIVE_LIMIT. False: only MAX_IN_FLIGHT rejects, and half of it `background` requests. */
  readonly isAdaptive: boolean;
}

/**
 * A route may always have this many requests in flight: with a small MAX_IN_FLIGHT, a share of it would
 * reject requests that the setting is meant to admit.
 */
const LEAST_SHARE = 256;
/** A route may hold this many times the permits that are free. */
const SHARE_OF_FREE = 7;

/** Admission control of one thread. */
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

  /** @param name that of the route, the same in all threads */
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
   * Whether the route has more than its share of the permits, by dynamic thresholds as for work
   * (overload-rule.ts): a route may hold seven times the permits that are free. So one slow route leaves an
   * eighth of MAX_IN_FLIGHT to the others, and two leave a fifteenth. The share is exact over all threads,
   * because a request is counted before it is judged.
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
