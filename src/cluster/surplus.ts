// Decides how many connections each worker closes, so that their clients come back to workers that have
// fewer. Connections are long-lived and are placed once, so the successor of a failed worker would stay idle
// for as long as the connections of the other workers last.
//
// These are rules without a clock, a socket or a thread. rebalance.ts applies them in rounds of 250 ms.

/** How far a worker may be from its share: by a part of the mean, and by a number of connections. */
interface Slack {
  readonly part: number;
  readonly connections: number;
}
/** Workers begin to close connections when one of them is farther from its share than this. */
const STARTS: Slack = { part: 0.25, connections: 1 };
/**
 * They stop when all of them are nearer than this. It is less than STARTS, so that a small change does not
 * start it again.
 */
const ENDS: Slack = { part: 0.1, connections: 0 };
/**
 * The number of rounds for which a connection must be open to count as long-lived. Connections that come and
 * go within a second are even without any rule.
 */
const LONG_LIVED_ROUNDS = 4;
/** A client that has lost its connection is expected back within this many rounds. */
const BACK_ROUNDS = 8;
/** The part of all connections that may be closed in one round: their clients come back at once. */
const MAX_PART_AT_ONCE = 0.25;
/**
 * The kernel may lead a client that comes back to the same worker again, so the number of closes is bounded.
 * Since the last worker has joined, at most CLOSES_EACH times the connections plus CLOSES_MORE are closed.
 */
const [CLOSES_EACH, CLOSES_MORE] = [2, 32] as const;
/** That bound grows by the number of connections in this many rounds, which are five minutes. */
const RENEWAL_ROUNDS = 1200;
/**
 * A connection is closed only while the open connections, and those that are on their way back, are together
 * at most this part of MAX_CONNECTIONS. The rest is for clients that connect for the first time meanwhile.
 * From nine tenths on, an address is limited to its share of the connections (connection-gate.ts), so below
 * that every client whose connection was closed is admitted again.
 */
const MAX_OPEN_PERCENT = 75;

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

/**
 * Whether any worker has clearly more or clearly fewer connections than its share.
 * @param held the connections of each worker
 * @param coming the connections that are expected soon, at any worker
 */
export const isUneven = (held: readonly number[], coming = 0): boolean => !isWithin(STARTS, held, coming);

/**
 * Whether every worker has its share, or nearly so.
 * @param held as for `isUneven`
 * @param coming as for `isUneven`
 */
export const isLevel = (held: readonly number[], coming = 0): boolean => isWithin(ENDS, held, coming);

function isWithin(slack: Slack, held: readonly number[], coming: number): boolean {
  const mean = (sum(held) + coming) / held.length;
  const most = Math.max(mean * (1 + slack.part), Math.ceil(mean) + slack.connections);
  const least = Math.min(mean * (1 - slack.part), Math.floor(mean) - slack.connections);
  return held.every((connections) => connections >= least && connections <= most);
}

/**
 * The number of connections that each worker has beyond its share. Shares are whole numbers that differ by
 * one at most; the workers with the most connections get the larger ones.
 * @param held as for `isUneven`
 * @param coming as for `isUneven`
 */
export function surplusOf(held: readonly number[], coming = 0): readonly number[] {
  const total = sum(held) + coming;
  const share = Math.floor(total / held.length);
  const larger = total - share * held.length;
  const surplus = held.map(() => 0);
  for (const [rank, index] of byMost(held).entries()) {
    surplus[index] = Math.max(0, held[index]! - share - (rank < larger ? 1 : 0));
  }
  return surplus;
}

/** The indices of the numbers, that of the largest first. */
const byMost = (numbers: readonly number[]): readonly number[] =>
  [...numbers.keys()].sort((a, b) => numbers[b]! - numbers[a]!);

/** A worker thread in rotation. */
export interface ConnectionHolder {
  /** Identifies the thread: the same object in every round. */
  readonly thread: object;
  readonly connections: number;
}

/** What is valid until the next round. */
export interface RebalanceOrders {
  /** The number of connections that each worker may close. */
  readonly closes: readonly number[];
  /** While more connections than this are open in the process, no worker may close any. */
  readonly maxOpen: number;
}

/** Applies the rules, and keeps what they need from the earlier rounds. */
export class SurplusRule {
  readonly #maxOpen: number;
  /** The connections of each thread in the recent rounds. */
  readonly #held = new WeakMap<object, number[]>();
  /** The connections of all workers in rotation together, in the recent rounds. */
  readonly #totals: number[] = [];
  /** The connections that were closed by order before each of the recent rounds. */
  readonly #closed: number[] = [];
  /** The closes that count against their bound. */
  #spent = 0;
  /** Connections are being moved. */
  #isMoving = false;

  /** @param maxConnections MAX_CONNECTIONS */
  constructor(maxConnections: number) {
    this.#maxOpen = Math.floor((MAX_OPEN_PERCENT / 100) * maxConnections);
  }

  /**
   * Decides one round. Call it at a regular interval.
   * @param holders the worker threads in rotation, without those that start, drain or are stalled
   * @param closed the number of connections that were closed by order since the last round
   * @param open the open connections of the process, those of threads that are not in rotation included
   */
  decide(holders: readonly ConnectionHolder[], closed: number, open: number): RebalanceOrders {
    const held = holders.map(({ connections }) => connections);
    const total = sum(held);
    remember(this.#totals, total, BACK_ROUNDS);
    remember(this.#closed, closed, BACK_ROUNDS);
    // Connections that workers have closed recently, by order or because they drain, are expected back.
    const coming = Math.max(...this.#totals) - total;
    this.#spent = Math.max(0, this.#spent + closed - total / RENEWAL_ROUNDS);
    if (holders.some(({ thread }) => !this.#held.has(thread))) this.#spent = 0;
    const longLived = holders.map((holder) => this.#longLived(holder));
    const surplus = surplusOf(held, coming).map((beyond, index) =>
      Math.max(0, beyond - (held[index]! - longLived[index]!)),
    );
    this.#isMoving = this.#isMoving
      ? !isLevel(held, coming)
      : isUneven(held, coming) && surplus.some((beyond) => beyond > 0);
    // New clients may have taken the room of those whose connections were closed, so all of the latter are
    // counted as still on their way.
    const room = this.#maxOpen - Math.max(coming, sum(this.#closed));
    const closes = bounded(surplus, this.#isMoving ? this.#allowed(total, room - open) : 0);
    return { closes, maxOpen: room - sum(closes) };
  }

  /** @param room the number of connections that may be closed because of MAX_CONNECTIONS */
  #allowed(total: number, room: number): number {
    const left = Math.floor(CLOSES_EACH * total + CLOSES_MORE - this.#spent);
    return Math.max(0, Math.min(Math.ceil(MAX_PART_AT_ONCE * total), left, room));
  }

  /** The number of long-lived connections: the minimum over the recent rounds. */
  #longLived({ thread, connections }: ConnectionHolder): number {
    const rounds = this.#held.get(thread) ?? [];
    this.#held.set(thread, rounds);
    remember(rounds, connections, LONG_LIVED_ROUNDS);
    return rounds.length < LONG_LIVED_ROUNDS ? 0 : Math.min(...rounds);
  }
}

/** Appends a number to a list that keeps the last `max` numbers. */
function remember(numbers: number[], next: number, max: number): void {
  numbers.push(next);
  if (numbers.length > max) numbers.shift();
}

/**
 * Bounds the sum of the surpluses.
 * @param max the bound; the largest surpluses are granted first
 */
function bounded(surplus: readonly number[], max: number): readonly number[] {
  const granted = surplus.map(() => 0);
  let left = max;
  for (const index of byMost(surplus)) {
    granted[index] = Math.min(surplus[index]!, left);
    left -= granted[index];
  }
  return granted;
}
