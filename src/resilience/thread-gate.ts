// Applies the overload rule in one thread: it measures turns of the event loop and windows of 50 ms, and the
// rule derives from them how much work the thread may owe. All routes of the thread share one gate.
import { Backlog, noShare, type RouteShare } from './backlog.js';
import { type LoopSignals, threadLoop } from './loop-signals.js';
import { OverloadRule, WINDOW_MS, type WorkLimit } from './overload-rule.js';
import type { Tuning } from './overload-tuning.js';
import { RouteCost } from './route-cost.js';
import { type CostWindow, RouteCosts } from './route-costs.js';
import { RoutesInUse, type RouteUse } from './routes-in-use.js';
import { TurnClock } from './turn-clock.js';

/** The state of the gate of one thread, as it is published. */
export interface AdmissionState {
  readonly isShedding: boolean;
  /** Work that the thread may owe, and work that it owes, in milliseconds. */
  readonly boundMs: number;
  readonly owedMs: number;
  readonly holdMs: number;
}

export interface ThreadGateOptions {
  readonly publish: (state: AdmissionState) => void;
  /** Whether the process is near its limit, so that routes may have to share the permits. */
  readonly isCrowded: () => boolean;
  /** @default the loop of this thread */
  readonly loop?: LoopSignals;
  /** @default TUNING */
  readonly tuning?: Tuning;
}

/** The cells of a route that all threads share. */
export interface SharedRoute extends RouteUse {
  /** The cost of a request in milliseconds; 0: unknown. */
  readonly enteringMs: number;
  readonly leavingMs: number;
  publishCosts(enteringMs: number, leavingMs: number): void;
}

/** One route in the gate of a thread. */
export interface GateRoute {
  readonly cost: RouteCost;
  readonly share: RouteShare;
  readonly shared: SharedRoute;
  /** Whether one of its requests was admitted or left in the present window. */
  isUsed: boolean;
  /** Its requests in flight in this thread; the caller counts them. */
  running: number;
}

/** A request that costs less than this many rejections is never rejected: that would save nothing. */
const CHEAP = 3;
/**
 * Length of a window in which nothing happens. Ending a window takes most of the time that an idle thread
 * needs. The window ends at the next request, before that is judged.
 */
const QUIET_WINDOW_MS = 4 * WINDOW_MS;
/**
 * A thread that works longer than this in a window has work beside requests. Its windows stay short, because
 * the cost of that work is learned from them. The heartbeat itself works for less.
 */
const [QUIET_SHARE, QUIET_MS] = [0.02, 0.5] as const;
/** Sums of costs that have been added and subtracted differ from 0 by less. */
const NOTHING_MS = 1e-6;

export class ThreadGate {
  /**
   * Whether much is in flight and several routes are in use, in this thread or another. It is decided once
   * per window, so that the same limit holds for all requests of the window.
   */
  sharesPermits = false;
  readonly #rule;
  readonly #publish: (state: AdmissionState) => void;
  readonly #isCrowded: () => boolean;
  readonly #loop: LoopSignals;
  readonly #turns: TurnClock;
  readonly #backlog = new Backlog();
  readonly #costs = new RouteCosts();
  readonly #inUse = new RoutesInUse();
  /** Routes of which requests entered or left in the present window. A window visits no others. */
  #used: GateRoute[] = [];
  /** Routes of which all requests of the present window were rejected: they are in use as well. */
  readonly #rejected = new Set<GateRoute>();
  /** Whether several routes are in use in this thread. */
  #isShared = false;
  #limit: WorkLimit;
  /** The expected cost of all requests in flight. */
  #inFlightMs = 0;
  #pauseMs = 0;
  #refusedInTurn = 0;
  #refusedInWindow = 0;
  #refusedAt = Number.NEGATIVE_INFINITY;
  #windowAt: number;
  #windowSlept: number;
  /** Sum of the lengths of the turns of the present window, and of their squares. */
  #turnsMs = 0;
  #squares = 0;

  constructor({ publish, isCrowded, loop = threadLoop, tuning }: ThreadGateOptions) {
    this.#rule = new OverloadRule(tuning);
    this.#limit = this.#rule.open;
    this.#publish = publish;
    this.#isCrowded = isCrowded;
    this.#loop = loop;
    this.#turns = new TurnClock(loop);
    this.#windowAt = loop.now();
    this.#windowSlept = loop.sleptMs();
  }

  get holdMs(): number {
    return this.#limit.holdMs;
  }

  add(shared: SharedRoute): GateRoute {
    const cost = new RouteCost();
    const { enteringMs, leavingMs } = shared;
    if (enteringMs + leavingMs > 0) cost.assume(enteringMs, leavingMs);
    const route = { cost, share: noShare(), shared, isUsed: false, running: 0 };
    this.#inUse.add(shared);
    return route;
  }

  /** Call first, for every request. */
  turn(): void {
    if (this.#turns.hasTurned()) this.#beginTurn(WINDOW_MS);
  }

  /** @returns false when the rule rejects the request */
  hasRoom({ cost, share }: GateRoute, isBackground: boolean): boolean {
    const { ms, startMs, largestMs } = this.#backlog;
    const costMs = cost.expectedMs;
    if (cost.isBelow(CHEAP * this.#costs.refusalMs)) return true;
    // When costs were underestimated, the turn gets long. This check finds that.
    const spentMs = this.#turns.spentMs();
    const owedMs = Math.max(ms, startMs + largestMs + spentMs);
    const limit = this.#limit;
    const sparedMs = largestMs + this.#pauseMs;
    if (this.#rule.isFull(limit, owedMs, costMs, sparedMs, isBackground)) return false;
    if (this.#rule.isTurnLong(limit, spentMs, sparedMs)) return false;
    if (!limit.isShedding) return true;
    const isTurnFull = this.#rule.isTurnFull(limit, Math.max(ms - startMs, spentMs), costMs);
    if (!this.#isShared) return !isTurnFull;
    const routeMs = this.#backlog.of(share);
    if (isTurnFull && !this.#rule.isSmall(owedMs, routeMs)) return false;
    return !this.#rule.isUnfair(limit, owedMs, costMs, routeMs);
  }

  admitted(route: GateRoute): void {
    const { cost, share } = route;
    if (!route.isUsed) this.#use(route);
    cost.entering.count++;
    this.#inFlightMs += cost.expectedMs;
    this.#backlog.add(cost.expectedMs, share);
  }

  /** @param isSynchronous whether it leaves before the call in which it was admitted returns */
  left(route: GateRoute, isSynchronous: boolean): void {
    const { cost } = route;
    this.#inFlightMs -= cost.expectedMs;
    if (!route.isUsed) this.#use(route);
    cost.leaving.count++;
    // All work of the request is done and is part of the length of this turn, so its expected cost is no
    // longer needed.
    if (isSynchronous) this.#backlog.done(cost.expectedMs);
  }

  /** Call at the first request of the route in a window: the cost of unknown routes may have changed. */
  #use(route: GateRoute): void {
    const { cost, running } = route;
    const before = cost.expectedMs;
    this.#costs.meet(cost);
    this.#inFlightMs += (cost.expectedMs - before) * running;
    route.isUsed = true;
    this.#used.push(route);
  }

  /** @param isQueue whether the rule rejected it */
  refused(route: GateRoute, isQueue: boolean): void {
    if (!route.isUsed) this.#rejected.add(route);
    this.#refusedInTurn++;
    this.#refusedInWindow++;
    if (!isQueue) return;
    this.#refusedAt = this.#turns.beganAt;
    this.#limit = this.#rule.refused(this.#limit);
  }

  /** Call about every 50 ms, so that windows and turns end also while no request arrives. */
  beat(): void {
    const now = this.#loop.now();
    const windowMs = this.#isQuiet && this.#hasSlept(now) ? QUIET_WINDOW_MS : WINDOW_MS;
    if (this.#turns.hasRested()) this.#beginTurn(windowMs);
    if (now - this.#windowAt >= windowMs) this.#endWindow(now);
  }

  /** Whether no request came in this window or is in flight, and nothing that was published has to change. */
  get #isQuiet(): boolean {
    const { isShedding, holdMs } = this.#limit;
    if (isShedding || holdMs > 0 || this.#used.length > 0) return false;
    if (this.#rejected.size > 0 || this.#refusedInWindow > 0) return false;
    return this.#backlog.ms === 0 && this.#inFlightMs < NOTHING_MS;
  }

  /** Whether the thread has slept nearly through the present window. */
  #hasSlept(now: number): boolean {
    const elapsedMs = now - this.#windowAt;
    const busyMs = elapsedMs - (this.#loop.sleptMs() - this.#windowSlept);
    return busyMs <= QUIET_SHARE * elapsedMs + QUIET_MS;
  }

  /** @param windowMs the length of the present window, at least */
  #beginTurn(windowMs: number): void {
    const { elapsedMs, sleptMs, beganAt } = this.#turns;
    const busyMs = Math.max(0, elapsedMs - sleptMs);
    this.#turnsMs += busyMs;
    this.#squares += busyMs * busyMs;
    // The window ends before the requests of this turn are judged, because a long turn has just shown what
    // requests cost.
    if (beganAt - this.#windowAt >= windowMs) this.#endWindow(beganAt);
    const { startMs, admittedMs } = this.#backlog;
    const refusalMs = this.#refusedInTurn * this.#costs.refusalMs;
    this.#refusedInTurn = 0;
    this.#pauseMs = this.#limit.isShedding
      ? 0
      : this.#rule.pauseAfter(this.#pauseMs, { elapsedMs, sleptMs }, startMs + admittedMs + refusalMs);
    const workedMs = Math.max(0, elapsedMs - refusalMs) * (1 - this.#costs.background);
    this.#backlog.turn(workedMs, this.#inFlightMs);
    this.#limit = this.#rule.afterTurn(this.#limit, busyMs, beganAt);
  }

  #endWindow(now: number): void {
    const slept = this.#loop.sleptMs();
    const elapsedMs = now - this.#windowAt;
    const busyMs = Math.max(0, elapsedMs - (slept - this.#windowSlept));
    const refused = this.#refusedInWindow;
    this.#noteUse(now);
    this.#learn({ elapsedMs, busyMs, refused });
    this.#limit = this.#rule.afterWindow(this.#limit, {
      elapsedMs,
      busyMs,
      refusalMs: refused * this.#costs.refusalMs,
      turnMs: this.#meanTurnMs(now),
      quietMs: now - this.#refusedAt,
      pieceMs: this.#costs.pieceMs,
    });
    this.#windowAt = now;
    this.#windowSlept = slept;
    this.#refusedInWindow = 0;
    this.#turnsMs = 0;
    this.#squares = 0;
    this.#publishWindow();
  }

  /** The mean weighted by length. The running turn counts, too: a window may lie within a single turn. */
  #meanTurnMs(now: number): number {
    const runningMs = this.#turns.runningMs(now);
    const turnsMs = this.#turnsMs + runningMs;
    return turnsMs > 0 ? (this.#squares + runningMs ** 2) / turnsMs : 0;
  }

  #learn(window: CostWindow): void {
    const before = this.#used.map(({ cost }) => cost.expectedMs);
    this.#costs.learn(
      window,
      this.#used.map(({ cost }) => cost),
    );
    for (const [index, { cost, running }] of this.#used.entries()) {
      this.#inFlightMs += (cost.expectedMs - before[index]!) * running;
    }
  }

  #noteUse(now: number): void {
    const inUse = this.#inUse;
    for (const routes of [this.#used, this.#rejected]) {
      for (const { shared } of routes) inUse.note(shared, now);
    }
    this.#rejected.clear();
    inUse.expire(now);
    this.#isShared = inUse.areSeveral;
    this.sharesPermits = false;
    if (!this.#isCrowded()) return;
    inUse.noteOtherThreads(now);
    this.sharesPermits = inUse.areSeveral;
  }

  #publishWindow(): void {
    for (const route of this.#used) {
      const { cost, shared } = route;
      route.isUsed = false;
      if (cost.expectedMs > 0) shared.publishCosts(cost.entering.value, cost.leaving.value);
    }
    this.#used = [];
    const { boundMs, isShedding, holdMs } = this.#limit;
    this.#publish({ boundMs, isShedding, holdMs, owedMs: this.#backlog.ms });
  }
}
