// How many connections each worker closes so that their clients come back to workers that have fewer.
// Connections live long and are given once, so a worker that takes the place of one that has failed would
// stay idle for as long as they last.
//
// Rules without a clock, a socket or a thread: `rebalance.ts` looks, asks and orders.

/** What a worker may have more, or less, than its share: a part of the mean, and whole connections. */
interface Slack {
  readonly part: number;
  readonly connections: number;
}
/** Beyond this, connections are moved... */
const STARTS: Slack = { part: 0.25, connections: 1 };
/** ... until all workers are within that, so that a little more does not start it again. */
const ENDS: Slack = { part: 0.1, connections: 0 };
/**
 * Looks that a connection must have been there for: what comes and goes within a second evens out by itself.
 */
const LOOKS = 4;
/** Looks within which a client is expected back that has lost its connection. */
const BACK_LOOKS = 8;
/** Of all connections, what may be closed between two looks: their clients come back at once. */
const MOST_AT_ONCE = 0.25;
/**
 * The kernel may give a client that comes back to where it was. So that this comes to an end there are no
 * more closes than so many times the connections, and some, since a worker joined...
 */
const [CLOSES_EACH, CLOSES_MORE] = [2, 32] as const;
/** ... and as many as there are connections within so many looks, which are five minutes. */
const LOOKS_OF_RENEWAL = 1200;
/**
 * Of MAX_CONNECTIONS: a connection is closed only while those that are open and those that are on their way
 * back are no more together. The rest is for clients that come for the first time meanwhile: an address is
 * held to its share of connections from nine tenths on (connection-gate.ts), so until then every client that
 * was told to close gets in again.
 */
const MOST_OPEN_PERCENT = 75;

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

/**
 * Whether a worker has clearly more than its share, or clearly less.
 * @param held connections of each worker
 * @param coming connections that are about to come to one of them
 */
export const isUneven = (held: readonly number[], coming = 0): boolean => !isWithin(STARTS, held, coming);

/**
 * Whether each worker has its share, or nearly. @param held as of `isUneven` @param coming as of `isUneven`
 */
export const isLevel = (held: readonly number[], coming = 0): boolean => isWithin(ENDS, held, coming);

function isWithin(slack: Slack, held: readonly number[], coming: number): boolean {
  const mean = (sum(held) + coming) / held.length;
  const most = Math.max(mean * (1 + slack.part), Math.ceil(mean) + slack.connections);
  const least = Math.min(mean * (1 - slack.part), Math.floor(mean) - slack.connections);
  return held.every((connections) => connections >= least && connections <= most);
}

/**
 * What each worker has beyond its share. Shares are whole and differ by one at most: the workers that have
 * most have the larger ones.
 * @param held as of `isUneven` @param coming as of `isUneven`
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

/** Indices, that of the largest number first. */
const byMost = (numbers: readonly number[]): readonly number[] =>
  [...numbers.keys()].sort((a, b) => numbers[b]! - numbers[a]!);

/** A worker in rotation. */
export interface Holder {
  /** The same object for as long as it is the same thread. */
  readonly thread: object;
  readonly connections: number;
}

/** What holds until the next look. */
export interface Orders {
  /** Connections that each worker may close. */
  readonly closes: readonly number[];
  /**
   * While more connections than that are open in the process, no worker may close one, whatever it was told.
   */
  readonly mostOpen: number;
}

/** What is remembered from look to look. */
export class SurplusRule {
  readonly #mostOpen: number;
  readonly #looks = new WeakMap<object, number[]>();
  /** Connections of all workers in rotation, in the last looks. */
  readonly #totals: number[] = [];
  /** Connections that were closed by order before each of the last looks. */
  readonly #closed: number[] = [];
  /** Closes that count against the bound. */
  #spent = 0;
  /** Connections are being moved, as far as they can be. */
  #isMoving = false;

  /** @param maxConnections MAX_CONNECTIONS */
  constructor(maxConnections: number) {
    this.#mostOpen = Math.floor((MOST_OPEN_PERCENT / 100) * maxConnections);
  }

  /**
   * To be asked at an even pace.
   * @param holders workers in rotation: those that start, drain or stand still are not among them
   * @param closed connections that have been closed by order since the last look
   * @param open connections of the process, those of workers that are not in rotation included
   */
  look(holders: readonly Holder[], closed: number, open: number): Orders {
    const held = holders.map(({ connections }) => connections);
    const total = sum(held);
    remember(this.#totals, total, BACK_LOOKS);
    remember(this.#closed, closed, BACK_LOOKS);
    // Workers have closed them within the last looks, by order or because they drain.
    const coming = Math.max(...this.#totals) - total;
    this.#spent = Math.max(0, this.#spent + closed - total / LOOKS_OF_RENEWAL);
    if (holders.some(({ thread }) => !this.#looks.has(thread))) this.#spent = 0;
    const staying = holders.map((holder) => this.#staying(holder));
    const surplus = surplusOf(held, coming).map((beyond, index) =>
      Math.max(0, beyond - (held[index]! - staying[index]!)),
    );
    this.#isMoving = this.#isMoving
      ? !isLevel(held, coming)
      : isUneven(held, coming) && surplus.some((beyond) => beyond > 0);
    // When other clients have come in their place, all that were told to close may still be on their way.
    const room = this.#mostOpen - Math.max(coming, sum(this.#closed));
    const closes = bounded(surplus, this.#isMoving ? this.#allowed(total, room - open) : 0);
    return { closes, mostOpen: room - sum(closes) };
  }

  #allowed(total: number, places: number): number {
    const left = Math.floor(CLOSES_EACH * total + CLOSES_MORE - this.#spent);
    return Math.max(0, Math.min(Math.ceil(MOST_AT_ONCE * total), left, places));
  }

  /** The least that a worker had in the last looks. */
  #staying({ thread, connections }: Holder): number {
    const looks = this.#looks.get(thread) ?? [];
    this.#looks.set(thread, looks);
    remember(looks, connections, LOOKS);
    return looks.length < LOOKS ? 0 : Math.min(...looks);
  }
}

/** @param looks those before, the oldest first @param most that are remembered */
function remember(looks: number[], seen: number, most: number): void {
  looks.push(seen);
  if (looks.length > most) looks.shift();
}

/** @param most of all together: the largest get it first */
function bounded(surplus: readonly number[], most: number): readonly number[] {
  const granted = surplus.map(() => 0);
  let left = most;
  for (const index of byMost(surplus)) {
    granted[index] = Math.min(surplus[index]!, left);
    left -= granted[index];
  }
  return granted;
}
