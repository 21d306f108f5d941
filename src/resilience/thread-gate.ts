// The overload rule at work in one thread: turns of the loop and windows of 50 ms are measured here, the rule
// draws the conclusions. All routes of the thread share it.
import { Backlog, noShare, type RouteShare } from './backlog.js';
import { type LoopSignals, threadLoop } from './loop-signals.js';
import { type Limit, overloadRule, type Tuning, WINDOW_MS } from './overload-rule.js';
import { type CostWindow, RouteCost, RouteCosts } from './route-costs.js';
import { TurnClock } from './turn-clock.js';

/** What one thread shows of itself. */
export interface AdmissionState {
  readonly isShedding: boolean;
  /** Work that it may owe, and work that it owes, milliseconds. */
  readonly boundMs: number;
  readonly owedMs: number;
  readonly holdMs: number;
}

export interface ThreadGateOptions {
  readonly publish: (state: AdmissionState) => void;
  /** So much is in flight in the process that routes may have to share it. */
  readonly isCrowded: () => boolean;
  /** Default: the loop of this thread. */
  readonly loop?: LoopSignals;
  readonly tuning?: Tuning;
}

/** What all threads know of a route. */
export interface SharedRoute {
  /** Its requests in flight, in all threads. */
  readonly inFlight: number;
  /** Changes while requests of the route arrive at any thread. */
  readonly uses: number;
  /** Requests of the route have arrived at this thread in a window. */
  used(): void;
  /** What a request costs, milliseconds; 0: unknown. */
  readonly enteringMs: number;
  readonly leavingMs: number;
  publishCosts(enteringMs: number, leavingMs: number): void;
}

/** One route, as the gate sees it. */
export interface GateRoute {
  readonly cost: RouteCost;
  readonly share: RouteShare;
  readonly shared: SharedRoute;
  /** In the window that is running: admitted or left. */
  isUsed: boolean;
  /** Requests in flight in this thread: counted by the caller. */
  running: number;
}

/** Other routes leave room for one that was used within this time. */
const IN_USE_MS = 10_000;

/** Requests that cost less, in refusals, are not refused: that would free nothing. */
const CHEAP = 3;

export class ThreadGate {
  /**
   * Much is in flight, and several routes are in use, in this thread or another. Decided once per window, so
   * that the same limit holds for all who reach it.
   */
  sharesPermits = false;
  readonly #rule;
  readonly #publish: (state: AdmissionState) => void;
  readonly #isCrowded: () => boolean;
  readonly #loop: LoopSignals;
  readonly #turns: TurnClock;
  readonly #backlog = new Backlog();
  readonly #costs = new RouteCosts();
  /** `uses` of each route, as they were seen last. Routes that share a count are one. */
  readonly #usesSeen = new Map<SharedRoute, number>();
  /** Routes of which requests entered or left in the window that is running. A window visits no others. */
  #used: GateRoute[] = [];
  /** The other routes of which requests were refused in it: they are in use as well. */
  readonly #turnedAway = new Set<GateRoute>();
  /**
   * When each route that is in use was used last, the latest at the end. Routes that share a count are one.
   */
  readonly #inUse = new Map<SharedRoute, number>();
  /** Several routes are in use in this thread. */
  #isShared = false;
  #limit: Limit;
  /** What the requests in flight cost, all in all. */
  #inFlightMs = 0;
  #pauseMs = 0;
  #refusedInTurn = 0;
  #refusedInWindow = 0;
  #refusedAt = Number.NEGATIVE_INFINITY;
  #windowAt: number;
  #windowSlept: number;
  /** Sum of the lengths of the window's turns, and of their squares. */
  #turnsMs = 0;
  #squares = 0;

  constructor({ publish, isCrowded, loop = threadLoop, tuning }: ThreadGateOptions) {
    this.#rule = overloadRule(tuning);
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
    this.#usesSeen.set(shared, shared.uses);
    return route;
  }

  /** Call first for every request. */
  turn(): void {
    if (this.#turns.hasTurned()) this.#begin();
  }

  /** False: the rule refuses the request. */
  hasRoom({ cost, share }: GateRoute, isBackground: boolean): boolean {
    const { ms, startMs, largestMs } = this.#backlog;
    const costMs = cost.expectedMs;
    if (cost.isBelow(CHEAP * this.#costs.refusalMs)) return true;
    // Work that was underestimated shows in the length of the turn.
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

  /** @param isSynchronous it leaves before the call in which it was admitted returns */
  left(route: GateRoute, isSynchronous: boolean): void {
    const { cost } = route;
    this.#inFlightMs -= cost.expectedMs;
    if (!route.isUsed) this.#use(route);
    cost.leaving.count++;
    // All of its work is done, so the length of the turn tells what it was: nothing has to be expected.
    if (isSynchronous) this.#backlog.done(cost.expectedMs);
  }

  /** The first request of the route in this window: what unknown routes cost may have changed. */
  #use(route: GateRoute): void {
    const { cost, running } = route;
    const before = cost.expectedMs;
    this.#costs.meet(cost);
    this.#inFlightMs += (cost.expectedMs - before) * running;
    route.isUsed = true;
    this.#used.push(route);
  }

  /** @param isQueue the rule has refused it */
  refused(route: GateRoute, isQueue: boolean): void {
    if (!route.isUsed) this.#turnedAway.add(route);
    this.#refusedInTurn++;
    this.#refusedInWindow++;
    if (!isQueue) return;
    this.#refusedAt = this.#turns.beganAt;
    this.#limit = this.#rule.refused(this.#limit);
  }

  /** Call about every 50 ms: windows and turns end also while no request arrives. */
  beat(): void {
    if (this.#turns.hasRested()) this.#begin();
    const now = this.#loop.now();
    if (now - this.#windowAt >= WINDOW_MS) this.#conclude(now);
  }

  #begin(): void {
    const { elapsedMs, sleptMs, beganAt } = this.#turns;
    const busyMs = Math.max(0, elapsedMs - sleptMs);
    this.#turnsMs += busyMs;
    this.#squares += busyMs * busyMs;
    // Before the requests of this turn are judged: a long turn has just told what its requests cost.
    if (beganAt - this.#windowAt >= WINDOW_MS) this.#conclude(beganAt);
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

  #conclude(now: number): void {
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
    this.#show();
  }

  /** Weighted by length. The turn that is running counts, too: a window may lie within a single one. */
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
    for (const routes of [this.#used, this.#turnedAway]) {
      for (const { shared } of routes) {
        shared.used();
        noteUse(inUse, shared, now);
      }
    }
    this.#turnedAway.clear();
    for (const [shared, usedAt] of inUse) {
      if (now - usedAt <= IN_USE_MS) break;
      inUse.delete(shared);
    }
    this.#isShared = inUse.size > 1;
    this.#shareOut(now);
  }

  /** A route that is used in other threads only counts as well. */
  #shareOut(now: number): void {
    this.sharesPermits = false;
    if (!this.#isCrowded()) return;
    for (const [shared, before] of this.#usesSeen) {
      if (this.#inUse.size > 1) break;
      const { uses } = shared;
      this.#usesSeen.set(shared, uses);
      if (uses !== before || shared.inFlight > 0) noteUse(this.#inUse, shared, now);
    }
    this.sharesPermits = this.#inUse.size > 1;
  }

  #show(): void {
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

/** Puts it at the end. */
function noteUse(inUse: Map<SharedRoute, number>, shared: SharedRoute, now: number): void {
  inUse.delete(shared);
  inUse.set(shared, now);
}
