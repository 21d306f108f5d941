// Numbers of the overload rule. Times are milliseconds; work is measured in milliseconds of this thread.
// docs/overload.md describes how to measure a change of one of them.

export interface Tuning {
  /**
   * Work that a thread may owe while it is not overloaded. A larger value tolerates longer bursts and more
   * chance in the arrivals, but all of that work waits once before an overload is noticed.
   * @default 150
   */
  readonly burstMs: number;
  /**
   * The same, as a multiple of the size of the pieces that the work consists of (`WindowTimes.pieceMs`),
   * where that is more.
   * @default 30
   */
  readonly burstPieces: number;
  /**
   * The most that `burstPieces` may allow.
   * @default 1000
   */
  readonly mostBurstMs: number;
  /**
   * Length of a turn of the event loop that is aimed at while requests are rejected. A request waits for two
   * to three turns. A larger value is more efficient, because every turn also pays for its rejections.
   * @default 28
   */
  readonly targetTurnMs: number;
  /**
   * The bound never falls below this, whatever makes turns long.
   * @default 10
   */
  readonly leastBoundMs: number;
  /**
   * The least value of the target and of the bound, in pieces of work.
   * @default 3
   */
  readonly leastPieces: number;
  /**
   * A thread that was idle for this share of `idleOverMs` is not overloaded.
   * @default 0.1
   */
  readonly idleShare: number;
  /** @default 1000 */
  readonly idleOverMs: number;
  /**
   * Growth of the bound in a window in which the thread was not used well.
   * @default 1.1
   */
  readonly growth: number;
  /**
   * The same in a thread that was idle for `idleShare`.
   * @default 1.3
   */
  readonly idleGrowth: number;
  /**
   * A thread that spent a smaller share of its time on admitted work is not used well.
   * @default 0.95
   */
  readonly usefulShare: number;
  /**
   * A long turn reduces the bound to this share of it at most.
   * @default 0.3
   */
  readonly deepestCut: number;
  /**
   * The bound is reduced once in this time at most, so that a cut can take effect before the next.
   * @default 100
   */
  readonly cutEveryMs: number;
  /**
   * Time without a rejection after which the overload is over.
   * @default 500
   */
  readonly quietMs: number;
  /**
   * The same in pieces of work, where that is more.
   * @default 15
   */
  readonly quietPieces: number;
  /**
   * A route may have this many times the work that the bound leaves free; 2 lets one route have two thirds.
   * @default 2
   */
  readonly fairShare: number;
  /**
   * How long a pause raises the bound; the rise decreases to nothing in this time.
   * @default 2000
   */
  readonly pauseKeptMs: number;
  /**
   * The most by which a pause raises the bound.
   * @default 500
   */
  readonly mostPauseMs: number;
  /**
   * Share of the thread that rejections may take before they are delayed.
   * @default 0.06
   */
  readonly refusalShare: number;
  /**
   * The longest delay of a rejection.
   * @default 100
   */
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
