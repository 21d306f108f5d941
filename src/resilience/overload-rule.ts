// The overload rule: how much work one thread may owe, and when it refuses more. Pure functions of state,
// measurements and time, for one thread; admission.ts drives them, the simulator in bench/overload runs them,
// and docs/overload.md says why they are as they are.

import { LEAST_WAIT_MS } from './turn-clock.js';

/** What can be turned. Times in milliseconds; work is measured in milliseconds of this thread. */
export interface Tuning {
  /**
   * Work that a thread may owe while it is not overloaded. More tolerates longer bursts and more chance in
   * the arrivals, but all of it waits once before an overload is noticed. @default 150
   */
  readonly burstMs: number;
  /** The same in pieces of work (`Window.pieceMs`), where they are so large that this is more. @default 30 */
  readonly burstPieces: number;
  /** And not more than this, however large they are. @default 1000 */
  readonly mostBurstMs: number;
  /**
   * Length of a turn of the loop that is aimed at while requests are refused. A request waits for two to
   * three turns. More is more efficient, because every turn also pays for its refusals. @default 28
   */
  readonly targetTurnMs: number;
  /** The bound never falls below this, whatever makes turns long. @default 10 */
  readonly leastBoundMs: number;
  /** Neither of the two is less than so many pieces of work. @default 3 */
  readonly leastPieces: number;
  /** A thread that has been idle for this share of `idleOverMs` is not overloaded. @default 0.1, 1000 */
  readonly idleShare: number;
  readonly idleOverMs: number;
  /** Growth of the bound in a window in which the thread was not used well. @default 1.1 */
  readonly growth: number;
  /** The same in a thread that has been idle for `idleShare`. @default 1.3 */
  readonly idleGrowth: number;
  /** A thread whose useful share of time is below this is not used well. @default 0.95 */
  readonly usefulShare: number;
  /** A long turn cuts the bound to this share of it at most. @default 0.3 */
  readonly deepestCut: number;
  /** The bound is cut once in this time, so that a cut can show its effect before the next. @default 100 */
  readonly cutEveryMs: number;
  /**
   * Time without a refusal after which the overload is over, and in pieces where that is more. @default 500,
   * 15
   */
  readonly quietMs: number;
  readonly quietPieces: number;
  /**
   * A route may have this many times what the bound leaves free; 2 lets one route have two thirds. @default 2
   */
  readonly fairShare: number;
  /** A pause raises the bound for this long, falling to nothing, by this much at most. @default 2000, 500 */
  readonly pauseKeptMs: number;
  readonly mostPauseMs: number;
  /**
   * Share of the thread that refusals may take before they are held back, and for how long. @default 0.06,
   * 100
   */
  readonly refusalShare: number;
  readonly mostHoldMs: number;
}

export const TUNING: Tuning = {
  burstMs: 150,
  burstPieces: 30,
  mostBurstMs: 1_000,
  targetTurnMs: 28,
  leastBoundMs: 10,
  leastPieces: 3,
  idleShare: 0.1,
  idleOverMs: 1_000,
  growth: 1.1,
  idleGrowth: 1.3,
  usefulShare: 0.95,
  deepestCut: 0.3,
  cutEveryMs: 100,
  quietMs: 500,
  quietPieces: 15,
  fairShare: 2,
  pauseKeptMs: 2_000,
  mostPauseMs: 500,
  refusalShare: 0.06,
  mostHoldMs: 100,
};

/** Length of the windows in which a thread is judged. */
export const WINDOW_MS = 50;
/** A turn is long when it exceeds the target by this factor. */
const LONG_TURN = 1.2;
/** A window that was stretched by a long turn counts as this many windows at most. */
const MOST_WINDOWS = 4;
/**
 * A turn has had a pause when this share of its time is not explained. What every turn of a busy thread loses
 * is less, and would add up to a pause.
 */
const LEAST_PAUSE = 0.25;
/** The share of a burst that one turn may take before an overload is known. */
const TURN_OF_BURST = 0.55;
/** Of the bound, what `background` requests may fill. */
const BACKGROUND_SHARE = 0.5;
/**
 * A turn of so many times the least bound may be chance in a thread that idles. Longer ones are work that
 * comes at once.
 */
const CHANCE = 2.5;
/** In a thread that was busy all the time, a lull in the arrivals may be chance: so many times the pieces. */
const BUSY_QUIET = 3;
const SMALL_SHARE = 0.25;
const HOLD_GROWTH = 1.25;
const HOLD_STEP_MS = 4;
const HOLD_DECAY = 0.9;

/** What a thread may owe at present. */
export interface Limit {
  readonly boundMs: number;
  /** What the bound is while there is no overload, what it is at least, and the turn that is aimed at. */
  readonly burstMs: number;
  readonly leastMs: number;
  readonly targetTurnMs: number;
  /** Requests have been refused, and the overload is not over. */
  readonly isShedding: boolean;
  /** When the bound was cut last. */
  readonly cutAt: number;
  /** Refusals are sent this much later. */
  readonly holdMs: number;
  /** Share of the last second that the thread was idle, as far as requests were refused in it. */
  readonly idle: number;
}

export interface Turn {
  readonly elapsedMs: number;
  /** Of it, what the loop waited for events. */
  readonly sleptMs: number;
}

/** What a thread did since the last window. */
export interface Window {
  readonly elapsedMs: number;
  readonly busyMs: number;
  /** Of that, what refusing requests took. */
  readonly refusalMs: number;
  /** Length of the turn that an arriving request meets: the mean weighted by length. */
  readonly turnMs: number;
  /** Since the last refusal. */
  readonly quietMs: number;
  /** Size of the pieces that work comes in: the mean cost of requests, weighted by cost. */
  readonly pieceMs: number;
}

/** Pure functions of their arguments. */
export interface OverloadRule {
  readonly open: Limit;
  /**
   * Whether a request finds no room. Plain numbers: this runs for every request.
   * @param owedMs work admitted and not done @param costMs what the request will add to it
   * @param sparedMs the largest cost among what is owed, and the time of a pause (`pauseAfter`)
   */
  isFull(limit: Limit, owedMs: number, costMs: number, sparedMs: number, isBackground: boolean): boolean;
  /**
   * Not while an overload is known.
   * @param spentMs length of the turn so far
   * @param sparedMs as of `isFull`
   */
  isTurnLong(limit: Limit, spentMs: number, sparedMs: number): boolean;
  /** @param admittedMs work that was admitted in this turn already */
  isTurnFull(limit: Limit, admittedMs: number, costMs: number): boolean;
  /** @param routeMs what the route of the request has of the work that the thread owes */
  isUnfair(limit: Limit, owedMs: number, costMs: number, routeMs: number): boolean;
  /** A route that has so little of what is owed is not what makes a turn long. */
  isSmall(owedMs: number, routeMs: number): boolean;
  refused(limit: Limit): Limit;
  pauseAfter(pauseMs: number, turn: Turn, owedMs: number): number;
  afterTurn(limit: Limit, busyMs: number, now: number): Limit;
  afterWindow(limit: Limit, window: Window): Limit;
}

export function overloadRule(tuning: Tuning = TUNING): OverloadRule {
  const { growth, deepestCut, idleShare } = tuning;
  const sizes = (pieceMs: number) => ({
    burstMs: Math.max(tuning.burstMs, Math.min(tuning.mostBurstMs, tuning.burstPieces * pieceMs)),
    leastMs: Math.max(tuning.leastBoundMs, tuning.leastPieces * pieceMs),
    targetTurnMs: Math.max(tuning.targetTurnMs, tuning.leastPieces * pieceMs),
  });
  const openAt = (pieceMs: number): Limit => {
    const of = sizes(pieceMs);
    return {
      ...of,
      boundMs: of.burstMs,
      isShedding: false,
      cutAt: Number.NEGATIVE_INFINITY,
      holdMs: 0,
      idle: 0,
    };
  };
  /** A few costly requests make a long turn; where the thread idles beside it, it is no queue. */
  const isChance = (idle: number, turnMs: number, leastMs: number): boolean =>
    idle >= idleShare && leastMs >= tuning.targetTurnMs && turnMs <= CHANCE * leastMs;
  const open = openAt(0);
  return {
    open,

    /**
     * Before an overload is known, one large request and the time of a pause do not count: a queue consists
     * of many requests that arrived faster than they can be worked off.
     */
    isFull({ boundMs, isShedding }, owedMs, costMs, sparedMs, isBackground) {
      const counted = isShedding ? owedMs : owedMs - sparedMs;
      const mostMs = isBackground ? boundMs * BACKGROUND_SHARE : boundMs;
      return counted + Math.min(costMs, boundMs / 2) > mostMs;
    },

    /**
     * Whatever arrives during a turn waits for all of it. So work that is done where it is admitted may take
     * less than what waits first, of which the turn is made only when it is due.
     */
    isTurnLong: ({ isShedding, boundMs }, spentMs, sparedMs) =>
      !isShedding && spentMs - sparedMs > boundMs * TURN_OF_BURST,

    /** What comes in at once comes back at once: the thread would be idle until then, and late afterwards. */
    isTurnFull: ({ isShedding, targetTurnMs }, admittedMs, costMs) =>
      isShedding && admittedMs + Math.min(costMs, targetTurnMs / 2) > targetTurnMs,

    /**
     * Dynamic thresholds (Choudhury and Hahne, 1998): what a route may have follows from what is free. One
     * route takes two thirds, two take two fifths each, and something is always left for a route that needs
     * little.
     */
    isUnfair({ boundMs }, owedMs, costMs, routeMs) {
      return routeMs + Math.min(costMs, boundMs / 4) > tuning.fairShare * (boundMs - owedMs);
    },

    isSmall: (owedMs, routeMs) => routeMs < owedMs * SMALL_SHARE,

    refused: (limit) => (limit.isShedding ? limit : { ...limit, isShedding: true, idle: 0 }),

    /**
     * Time that the thread was busy with nothing that was admitted: garbage collection, another program on
     * its core, one handler that costs much more than usual. What arrived meanwhile arrived at its usual
     * rate, so for a while it may be worked off. A loop that waits has found all of it.
     */
    pauseAfter(pauseMs, { elapsedMs, sleptMs }, owedMs) {
      const kept = sleptMs >= LEAST_WAIT_MS ? 0 : pauseMs * Math.max(0, 1 - elapsedMs / tuning.pauseKeptMs);
      const lostMs = elapsedMs - sleptMs - owedMs;
      return Math.min(tuning.mostPauseMs, lostMs > elapsedMs * LEAST_PAUSE ? kept + lostMs : kept);
    },

    /**
     * Multiplicative decrease, by the length of the turn itself: what a queue in front of the thread looks
     * like.
     */
    afterTurn(limit, busyMs, now) {
      const { isShedding, targetTurnMs, cutAt, boundMs, leastMs } = limit;
      if (!isShedding || busyMs <= LONG_TURN * targetTurnMs) return limit;
      if (isChance(limit.idle, busyMs, leastMs)) return limit;
      if (now - cutAt <= Math.max(tuning.cutEveryMs, busyMs)) return limit;
      const cut = Math.max(deepestCut, targetTurnMs / busyMs);
      return { ...limit, boundMs: Math.max(Math.min(leastMs, boundMs), boundMs * cut), cutAt: now };
    },

    /** The way back goes by time alone: no request has to complete for it. */
    afterWindow(limit, { elapsedMs, busyMs, refusalMs, turnMs, quietMs, pieceMs }) {
      const holdMs = nextHold(limit.holdMs, refusalMs / elapsedMs, tuning);
      // Requests may be refused for other reasons all the same.
      if (!limit.isShedding) return { ...openAt(pieceMs), holdMs };
      const of = sizes(pieceMs);
      const idle =
        limit.idle + (1 - busyMs / elapsedMs - limit.idle) * (1 - Math.exp(-elapsedMs / tuning.idleOverMs));
      const isIdle = isChance(idle, turnMs, of.leastMs);
      // A turn longer than the window was busy belongs to the time before.
      const isLate = Math.min(turnMs, busyMs) >= of.targetTurnMs && !isIdle;
      const pieces = isIdle ? tuning.quietPieces : BUSY_QUIET * tuning.quietPieces;
      if (quietMs > Math.max(tuning.quietMs, pieces * pieceMs) && !isLate) return openAt(pieceMs);
      const isWellUsed = (busyMs - refusalMs) / elapsedMs >= tuning.usefulShare && !isIdle;
      const windows = isWellUsed || isLate ? 0 : Math.min(MOST_WINDOWS, elapsedMs / WINDOW_MS);
      const boundMs = Math.min(
        of.burstMs,
        Math.max(of.leastMs, limit.boundMs * (isIdle ? tuning.idleGrowth : growth) ** windows),
      );
      return { ...limit, ...of, boundMs, holdMs, idle };
    },
  };
}

/**
 * Clients that repeat a refused request at once, instead of after `Retry-After`, can take any share of a
 * thread with refusals alone. They are slowed down by holding their refusals back.
 */
function nextHold(holdMs: number, share: number, { refusalShare, mostHoldMs }: Tuning): number {
  if (share > refusalShare) return Math.min(mostHoldMs, holdMs * HOLD_GROWTH + HOLD_STEP_MS);
  if (share > (refusalShare * 3) / 4) return holdMs;
  return holdMs * HOLD_DECAY < HOLD_STEP_MS ? 0 : holdMs * HOLD_DECAY;
}
