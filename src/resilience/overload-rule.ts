// The overload rule: how much work one thread may owe, and when it rejects more. Its methods depend on their
// arguments only: a state, measurements and the time of one thread. thread-gate.ts measures and applies it,
// the simulator in bench/overload runs it, and docs/overload.md gives the reasons.
import { TUNING, type Tuning } from './overload-tuning.js';
import { LEAST_WAIT_MS } from './turn-clock.js';

/** Length of the windows in which a thread is judged. */
export const WINDOW_MS = 50;
/** A turn is long when it exceeds the target by this factor. */
const LONG_TURN = 1.2;
/** A window that a long turn has lengthened counts as this many windows at most. */
const MOST_WINDOWS = 4;
/**
 * A turn contained a pause when at least this share of its time is not explained by admitted work. In a busy
 * thread a smaller share is lost in every turn, which must not add up to a pause.
 */
const LEAST_PAUSE = 0.25;
/** The share of a burst that one turn may take before an overload is detected. */
const TURN_OF_BURST = 0.55;
/** The share of the bound that `background` requests may fill. */
const BACKGROUND_SHARE = 0.5;
/**
 * In a thread that is sometimes idle, a turn of up to this many times the least bound may be chance. A longer
 * turn means that much work arrives at the same moment.
 */
const CHANCE = 2.5;
/**
 * The factor of `quietPieces` in a thread that was busy all the time: there a short period without rejections
 * may be chance and does not mean that the overload is over.
 */
const BUSY_QUIET = 3;
/** A route with less than this share of the work that a thread owes is small (`isSmall`). */
const SMALL_SHARE = 0.25;
/**
 * After a window, the delay of rejections grows by HOLD_GROWTH and HOLD_STEP_MS, or shrinks by HOLD_DECAY.
 */
const HOLD_GROWTH = 1.25;
const HOLD_STEP_MS = 4;
const HOLD_DECAY = 0.9;

/** How much work a thread may owe at present. */
export interface WorkLimit {
  /** The milliseconds of work that the thread may owe. */
  readonly boundMs: number;
  /** The bound while there is no overload. */
  readonly burstMs: number;
  /** The least value of the bound during an overload. */
  readonly leastMs: number;
  /** The length of a turn that the rule aims at during an overload. */
  readonly targetTurnMs: number;
  /** Whether the thread is overloaded: requests were rejected, and the overload is not over. */
  readonly isShedding: boolean;
  /** When the bound was last reduced. */
  readonly cutAt: number;
  /** Rejections are delayed by this time. */
  readonly holdMs: number;
  /**
   * The share of about the last second in which the thread was idle; the time before the overload counts as
   * busy.
   */
  readonly idle: number;
}

export interface TurnTimes {
  readonly elapsedMs: number;
  /** The part of it in which the loop waited for events. */
  readonly sleptMs: number;
}

/** The times of a thread since the last window. */
export interface WindowTimes {
  readonly elapsedMs: number;
  readonly busyMs: number;
  /** The part of the busy time that rejections took. */
  readonly refusalMs: number;
  /** Length of the turn that an arriving request meets: the mean weighted by length. */
  readonly turnMs: number;
  /** Time since the last rejection. */
  readonly quietMs: number;
  /** Size of the pieces that work consists of: the mean cost of requests, weighted by cost. */
  readonly pieceMs: number;
}

export class OverloadRule {
  readonly #tuning: Tuning;
  /** The limit of a thread that is not overloaded. */
  readonly open: WorkLimit;

  constructor(tuning: Tuning = TUNING) {
    this.#tuning = tuning;
    this.open = this.#openAt(0);
  }

  /**
   * Whether a request must be rejected because the thread owes too much work. The arguments are plain
   * numbers, because this runs for every request. Before an overload is detected, one large request and the
   * time of a pause do not count: a queue consists of many requests that arrived faster than they can be
   * processed.
   * @param owedMs work that was admitted and is not done
   * @param costMs the expected cost of the request
   * @param sparedMs the largest cost among the work that is owed, plus the time of a pause (`pauseAfter`)
   */
  isFull(
    { boundMs, isShedding }: WorkLimit,
    owedMs: number,
    costMs: number,
    sparedMs: number,
    isBackground: boolean,
  ): boolean {
    const counted = isShedding ? owedMs : owedMs - sparedMs;
    const mostMs = isBackground ? boundMs * BACKGROUND_SHARE : boundMs;
    return counted + Math.min(costMs, boundMs / 2) > mostMs;
  }

  /**
   * Whether a turn has taken too long, as long as no overload is detected. All requests that arrive during a
   * turn wait until it ends. So handlers that do their work at once may use only a part of the bound in one
   * turn. Handlers that first wait, for example for a database, spread their work over several turns.
   * @param spentMs length of the turn so far
   * @param sparedMs as for `isFull`
   */
  isTurnLong({ isShedding, boundMs }: WorkLimit, spentMs: number, sparedMs: number): boolean {
    return !isShedding && spentMs - sparedMs > boundMs * TURN_OF_BURST;
  }

  /**
   * Whether a turn has admitted enough, during an overload. Requests that are admitted in one turn tend to
   * continue in one turn, too, after the same wait. With too many of them the thread would be idle during
   * their wait, and afterwards one turn would be long.
   * @param admittedMs work that was already admitted in this turn
   */
  isTurnFull({ isShedding, targetTurnMs }: WorkLimit, admittedMs: number, costMs: number): boolean {
    return isShedding && admittedMs + Math.min(costMs, targetTurnMs / 2) > targetTurnMs;
  }

  /**
   * Whether a route would have more than its share, by dynamic thresholds (Choudhury and Hahne, 1998): the
   * share of a route follows from what is free. One route gets two thirds, two get two fifths each, and
   * something always remains for a route that needs little.
   * @param routeMs the share of the route in the work that the thread owes
   */
  isUnfair({ boundMs }: WorkLimit, owedMs: number, costMs: number, routeMs: number): boolean {
    return routeMs + Math.min(costMs, boundMs / 4) > this.#tuning.fairShare * (boundMs - owedMs);
  }

  /** Whether a route has so little of the work that it cannot be what makes a turn long. */
  isSmall(owedMs: number, routeMs: number): boolean {
    return routeMs < owedMs * SMALL_SHARE;
  }

  /** The limit after a rejection. */
  refused(limit: WorkLimit): WorkLimit {
    return limit.isShedding ? limit : { ...limit, isShedding: true, idle: 0 };
  }

  /**
   * The length of a pause: the time in which the thread was busy with something else than admitted work, such
   * as garbage collection, another program on its core, or one handler that costs much more than usual.
   * Requests arrived at their usual rate meanwhile, so for some time the thread may owe that much more. The
   * pause is over when the loop waits for events, since then it has found all of these requests.
   */
  pauseAfter(pauseMs: number, { elapsedMs, sleptMs }: TurnTimes, owedMs: number): number {
    const { pauseKeptMs, mostPauseMs } = this.#tuning;
    const kept = sleptMs >= LEAST_WAIT_MS ? 0 : pauseMs * Math.max(0, 1 - elapsedMs / pauseKeptMs);
    const lostMs = elapsedMs - sleptMs - owedMs;
    return Math.min(mostPauseMs, lostMs > elapsedMs * LEAST_PAUSE ? kept + lostMs : kept);
  }

  /**
   * The limit after a turn: a long turn means that requests queue in front of the thread, so it reduces the
   * bound by a factor.
   */
  afterTurn(limit: WorkLimit, busyMs: number, now: number): WorkLimit {
    const { isShedding, targetTurnMs, cutAt, boundMs, leastMs } = limit;
    if (!isShedding || busyMs <= LONG_TURN * targetTurnMs) return limit;
    if (this.#isChance(limit.idle, busyMs, leastMs)) return limit;
    if (now - cutAt <= Math.max(this.#tuning.cutEveryMs, busyMs)) return limit;
    const cut = Math.max(this.#tuning.deepestCut, targetTurnMs / busyMs);
    return { ...limit, boundMs: Math.max(Math.min(leastMs, boundMs), boundMs * cut), cutAt: now };
  }

  /** The limit after a window. The bound grows again as time passes: no request has to end for that. */
  afterWindow(limit: WorkLimit, window: WindowTimes): WorkLimit {
    const { elapsedMs, busyMs, refusalMs, turnMs, quietMs, pieceMs } = window;
    const tuning = this.#tuning;
    const holdMs = nextHold(limit.holdMs, refusalMs / elapsedMs, tuning);
    // Requests may also be rejected for other reasons, which may require a delay of rejections.
    if (!limit.isShedding) return { ...this.#openAt(pieceMs), holdMs };
    const sizes = this.#sizes(pieceMs);
    const idle =
      limit.idle + (1 - busyMs / elapsedMs - limit.idle) * (1 - Math.exp(-elapsedMs / tuning.idleOverMs));
    const isIdle = this.#isChance(idle, turnMs, sizes.leastMs);
    // The part of a turn that exceeds the busy time of the window belongs to an earlier window.
    const isLate = Math.min(turnMs, busyMs) >= sizes.targetTurnMs && !isIdle;
    const pieces = isIdle ? tuning.quietPieces : BUSY_QUIET * tuning.quietPieces;
    if (quietMs > Math.max(tuning.quietMs, pieces * pieceMs) && !isLate) return this.#openAt(pieceMs);
    const isWellUsed = (busyMs - refusalMs) / elapsedMs >= tuning.usefulShare && !isIdle;
    const windows = isWellUsed || isLate ? 0 : Math.min(MOST_WINDOWS, elapsedMs / WINDOW_MS);
    const boundMs = Math.min(
      sizes.burstMs,
      Math.max(sizes.leastMs, limit.boundMs * (isIdle ? tuning.idleGrowth : tuning.growth) ** windows),
    );
    return { ...limit, ...sizes, boundMs, holdMs, idle };
  }

  #sizes(pieceMs: number): Pick<WorkLimit, 'burstMs' | 'leastMs' | 'targetTurnMs'> {
    const { burstMs, mostBurstMs, burstPieces, leastBoundMs, leastPieces, targetTurnMs } = this.#tuning;
    return {
      burstMs: Math.max(burstMs, Math.min(mostBurstMs, burstPieces * pieceMs)),
      leastMs: Math.max(leastBoundMs, leastPieces * pieceMs),
      targetTurnMs: Math.max(targetTurnMs, leastPieces * pieceMs),
    };
  }

  #openAt(pieceMs: number): WorkLimit {
    const sizes = this.#sizes(pieceMs);
    return {
      ...sizes,
      boundMs: sizes.burstMs,
      isShedding: false,
      cutAt: Number.NEGATIVE_INFINITY,
      holdMs: 0,
      idle: 0,
    };
  }

  /**
   * Whether a long turn may be chance: a few costly requests make it long, and a thread that is also idle has
   * no queue.
   */
  #isChance(idle: number, turnMs: number, leastMs: number): boolean {
    const { idleShare, targetTurnMs } = this.#tuning;
    return idle >= idleShare && leastMs >= targetTurnMs && turnMs <= CHANCE * leastMs;
  }
}

/**
 * The delay of rejections after a window. Clients that repeat a rejected request at once, instead of after
 * `Retry-After`, can use up any share of a thread with rejections alone; the delay slows them down.
 * @param share share of the window that rejections took
 */
function nextHold(holdMs: number, share: number, { refusalShare, mostHoldMs }: Tuning): number {
  if (share > refusalShare) return Math.min(mostHoldMs, holdMs * HOLD_GROWTH + HOLD_STEP_MS);
  if (share > (refusalShare * 3) / 4) return holdMs;
  return holdMs * HOLD_DECAY < HOLD_STEP_MS ? 0 : holdMs * HOLD_DECAY;
}
