// Samples which routes use the CPU of the workers: from time to time the primary reads the words in which
// they publish what they run. No worker is woken, and nothing is sampled while the workers are idle. Most
// samples need no wake-up of the primary either: they are taken when it runs other timers.
import { type Every, ownInterval } from '../grouped-interval.js';
import type { SlotActivity } from '../memory/running-route.js';
import { RouteCpu } from './route-cpu.js';
import { type NameOfRoute, SampledRoutes, UNMATCHED, UNNAMED } from './sampled-routes.js';
import { SamplingPace } from './sampling-pace.js';

/** How often the primary looks whether the workers are busy while they are not. */
export const LOOK_EVERY_MS = 100;
/**
 * A worker is busy, also without a request, when it reports more CPU time than this, which is 2 % of a core:
 * it reports four times a second. An idle one needs less than 1 %.
 */
const BUSY_US = 5_000;
/**
 * Sampling goes on for this time after the last request and the last busy report. A short request is rarely
 * in flight when the primary looks, so the first one after a pause is not sampled. If they come more seldom
 * than this, they use less than 2 % of a core.
 */
const QUIET_MS = 5_000;
/**
 * A sample stands for at most this time: if more has passed, the process or the machine was paused, and the
 * route that runs now is not the one that ran meanwhile.
 */
const LONGEST_SAMPLE_MS = 1_000;
/**
 * A worker can report more time than was sampled since its report before, because it publishes its reports
 * between two looks. A report that exceeds this has counted a pause.
 */
const REPORT_SLACK_US = 2 * LOOK_EVERY_MS * 1000;
/** The most routes that have a share of their own: those with the largest ones. */
export const MOST_SHARES = 200;
/** Stands for everything that belongs to no route, or to none of those. */
export const OTHER = 'other';

/** A part of the CPU time that all workers have used in the last 30 seconds. All shares together are 1. */
export interface RouteShare {
  /** Empty for `other`; `GRPC` for a gRPC method. */
  readonly method: string;
  /** The template of the route, or `other`. */
  readonly route: string;
  /** 0..1 */
  readonly ratio: number;
}

export interface RouteSamplerOptions {
  readonly activity: SlotActivity;
  readonly nameOf: NameOfRoute;
  /** @default a timer of its own */
  readonly every?: Every;
  readonly pace?: SamplingPace;
  /**
   * CPU time of this thread in microseconds; undefined where it cannot be read.
   * @default never known
   */
  readonly cpuTimeUs?: () => number | undefined;
  /** @default performance.now */
  readonly clock?: () => number;
  /** Calls `work` once after `ms` milliseconds. @default setTimeout, which does not keep the process alive */
  readonly after?: (ms: number, work: () => void) => { cancel(): void };
}

export class RouteSampler {
  readonly #options: Required<RouteSamplerOptions>;
  readonly #cpu: RouteCpu;
  readonly #routes: SampledRoutes;
  /** The CPU time that workers had reported at the last look, by slot. */
  readonly #reportedUs: Float64Array;
  /** The thread that had the slot at the last look, by slot. */
  readonly #threads: Float64Array;
  /**
   * By slot, 1 until its worker reports for the first time after a pause. That report is not counted: it may
   * cover time without a sample, which would count as no route.
   */
  readonly #awaitsReport: Uint8Array;
  /** Requests that had ended at the last look. */
  #ended = 0;
  /** When the workers were last seen busy. */
  #busyAt = Number.NEGATIVE_INFINITY;
  #sampledAt = 0;
  /** Microseconds that all samples together stand for, and by slot what that was when its worker reported. */
  #sampledUs = 0;
  readonly #sampledAtReport: Float64Array;
  /** CPU time of the thread at the last sample, if the cost of that sample is being measured. */
  #cpuBefore: number | undefined;
  #samples = 0;
  #timer: { cancel(): void } | undefined;
  #stopLooking: () => void = () => undefined;

  constructor(options: RouteSamplerOptions) {
    this.#options = {
      every: ownInterval,
      pace: new SamplingPace(),
      cpuTimeUs: () => undefined,
      clock: () => performance.now(),
      after: unrefTimer,
      ...options,
    };
    const { slots } = options.activity;
    this.#cpu = new RouteCpu(slots);
    this.#routes = new SampledRoutes(options.nameOf);
    this.#reportedUs = new Float64Array(slots + 1);
    this.#threads = new Float64Array(slots + 1);
    this.#awaitsReport = new Uint8Array(slots + 1);
    this.#sampledAtReport = new Float64Array(slots + 1);
    for (let slot = 1; slot <= slots; slot++) this.#reportedUs[slot] = options.activity.cpuUs(slot);
    this.#lookEvery(LOOK_EVERY_MS);
  }

  /** Samples that were taken since the start. */
  get samples(): number {
    return this.#samples;
  }

  /** The shares, the largest first; empty when nothing was sampled in the last 30 seconds. */
  shares(): readonly RouteShare[] {
    const cpu = this.#cpu;
    cpu.advance(this.#options.clock());
    const routes: RouteShare[] = [];
    let { otherUs } = cpu;
    let total = otherUs;
    for (const us of cpu.byRoute.values()) total += us;
    if (total === 0) return [];
    for (const [route, us] of cpu.byRoute) {
      const { method, template } = this.#routes.nameOf(route);
      if (template === '') otherUs += us;
      else routes.push({ method, route: template, ratio: us / total });
    }
    const sorted = routes.sort((a, b) => b.ratio - a.ratio);
    const rest = sorted.splice(MOST_SHARES).reduce((sum, { ratio }) => sum + ratio, 0);
    const other = { method: '', route: OTHER, ratio: otherUs / total + rest };
    return [...sorted, other].sort((a, b) => b.ratio - a.ratio);
  }

  /** Whether each route that was sampled in the last 30 seconds has a share of its own. */
  get areAllRoutesNamed(): boolean {
    const { byRoute } = this.#cpu;
    const named = byRoute.size - (byRoute.has(UNMATCHED) ? 1 : 0);
    return !byRoute.has(UNNAMED) && named <= MOST_SHARES;
  }

  stop(): void {
    this.#stopLooking();
    this.#timer?.cancel();
  }

  #lookEvery(ms: number): void {
    this.#stopLooking();
    this.#stopLooking = this.#options.every(ms, this.#look);
  }

  readonly #look = (): void => {
    const now = this.#options.clock();
    if (this.#isSampling) {
      this.#sample(now);
      this.#measure(false);
    }
    const areBusy = this.#readReports();
    if (this.#areServing() || areBusy) this.#busyAt = now;
    if (now - this.#busyAt >= QUIET_MS) this.#pause();
    else if (!this.#isSampling) this.#resume(now);
    if (this.#isSampling) this.#lookEvery(this.#options.pace.nextLookMs());
    this.#routes.mayLearn();
  };

  get #isSampling(): boolean {
    return this.#timer !== undefined;
  }

  /** Whether a request is in flight, or has ended since the last look. */
  #areServing(): boolean {
    const { activity } = this.#options;
    let ended = 0;
    let inFlight = 0;
    for (let slot = 1; slot <= activity.slots; slot++) {
      ended += activity.ended(slot);
      inFlight += activity.inFlight(slot);
    }
    const areServing = inFlight > 0 || ended !== this.#ended;
    this.#ended = ended;
    return areServing;
  }

  #pause(): void {
    if (!this.#isSampling) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#lookEvery(LOOK_EVERY_MS);
  }

  #resume(now: number): void {
    this.#awaitsReport.fill(1);
    this.#sampledAt = now;
    this.#cpuBefore = undefined;
    this.#wait();
  }

  #wait(): void {
    const { after, pace } = this.#options;
    this.#timer = after(pace.nextMs(), this.#wakeUp);
  }

  readonly #wakeUp = (): void => {
    this.#sample(this.#options.clock());
    this.#measure(true);
    this.#wait();
  };

  #sample(now: number): void {
    const { activity } = this.#options;
    const ms = now - this.#sampledAt;
    const wasPaused = ms > LONGEST_SAMPLE_MS;
    const us = wasPaused ? 0 : Math.round(ms * 1000);
    // The next reports cover a time for which nothing was sampled.
    if (wasPaused) this.#awaitsReport.fill(1);
    this.#sampledAt = now;
    this.#sampledUs += us;
    this.#samples++;
    this.#cpu.advance(now);
    for (let slot = 1; slot <= activity.slots; slot++) {
      const route = activity.route(slot);
      if (route !== 0) this.#cpu.ran(slot, this.#routes.numberOf(slot, route), us);
    }
  }

  /**
   * A sample that has woken the thread up notes the CPU time of the thread, and the next one takes the
   * difference.
   */
  #measure(hasWoken: boolean): void {
    const { pace, cpuTimeUs, clock } = this.#options;
    const before = this.#cpuBefore;
    this.#cpuBefore = undefined;
    if (before === undefined && !(hasWoken && pace.isMeasureDue())) return;
    const started = clock();
    const spent = cpuTimeUs();
    if (spent === undefined) return;
    if (before !== undefined) pace.cost(spent - before);
    // What is read is the time at the last wake-up, so reading it belongs to the next sample.
    else this.#cpuBefore = spent + (clock() - started) * 1000;
  }

  /** @returns whether a worker has used more than an idle one needs */
  #readReports(): boolean {
    const { activity } = this.#options;
    let areBusy = false;
    for (let slot = 1; slot <= activity.slots; slot++) {
      const cpuUs = activity.cpuUs(slot);
      const us = cpuUs - this.#reportedUs[slot]!;
      this.#reportedUs[slot] = cpuUs;
      if (us > BUSY_US) areBusy = true;
      if (us > 0 && this.#isSampling) this.#reported(slot, us);
      // A thread that was lost never reports what was sampled of it last.
      const thread = activity.thread(slot);
      if (thread !== this.#threads[slot]) this.#cpu.disregard(slot);
      this.#threads[slot] = thread;
    }
    return areBusy;
  }

  #reported(slot: number, us: number): void {
    const most = this.#sampledUs - this.#sampledAtReport[slot]! + REPORT_SLACK_US;
    this.#sampledAtReport[slot] = this.#sampledUs;
    if (this.#awaitsReport[slot] === 0) this.#cpu.used(slot, Math.min(us, most));
    else this.#cpu.disregard(slot);
    this.#awaitsReport[slot] = 0;
  }
}

function unrefTimer(ms: number, work: () => void): { cancel(): void } {
  const timer = setTimeout(work, ms).unref();
  return { cancel: () => clearTimeout(timer) };
}
