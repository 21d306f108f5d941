// How a key is divided among the members that ask for it: in proportion to what is asked of each, as one
// limiter for all would admit them. It is a rule without a state: what members lend by it is safe whatever it
// says (loan-book.ts).
import { keyShare, WHOLE_RATE } from '../memory/rate/share.js';
import { paired } from './pairing.js';
import { type KeyId, NOTHING, type Part } from './report.js';

/** Parts of one key, by the names of the members that have them. */
export type Parts = Readonly<Record<string, Part>>;

/** What a member has of a key when nothing is lent. */
export function baseOf(key: KeyId, burst: number, hashes: Int32Array, index: number): Part {
  const [low, high] = halvesOf(key);
  const { permits, parts } = keyShare(burst, hashes, index, low, high);
  return permits === 0 ? NOTHING : { rate: Math.floor(WHOLE_RATE / parts), permits };
}

export const halvesOf = (key: KeyId): [low: number, high: number] => [
  Number.parseInt(key.slice(0, 8), 16) | 0,
  Number.parseInt(key.slice(8), 16) | 0,
];

export const keyIdOf = (low: number, high: number): KeyId =>
  [low, high].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');

/** A member that has reported a key. */
export interface Asker {
  readonly id: string;
  /** What it has when nothing is lent. */
  readonly base: Part;
  /** The rate that it has now. */
  readonly rate: number;
  /** In millionths of N. */
  readonly demand: number;
  /** What it lends now. @default nothing */
  readonly lent?: Parts;
}

/** Demand that is smaller than this part of N is none: a single request is smoothed over minutes. */
const LITTLE = WHOLE_RATE / 1_000;

/** Whether a member is asked for more than it has when nothing is lent. */
export const needsMore = ({ base, demand }: Asker): boolean => demand > base.rate + LITTLE;

/** What moves is worth a change when so much of N is not used at one member and refused at another. */
const UNUSED = WHOLE_RATE / 100;
/** And when a member has so much more, or less, than its part of what is asked for. */
const UNFAIR = WHOLE_RATE / 10;
/**
 * A member keeps this part of its share at least, and more where rows cannot count so small a part: what it
 * has lent does not come back at once, and a member that has borrowed may end. Of most limits, all members
 * together keep less than three percent of N.
 */
const KEPT = 40;
/** A permit moves when it is asked for more than this number of times as much elsewhere. */
const CLEARLY = 2;
/**
 * And by more than the deviation of such numbers: demand is smoothed over thirty permits at least
 * (hot-keys.ts), so that a single request is this part of N in it.
 */
const ONE_REQUEST = WHOLE_RATE / 30;

/**
 * What one of the members should lend to the others.
 * @param lent what it lends now
 * @param timesSmaller how many times smaller than its share its part may be
 */
export function loansOf(self: string, askers: readonly Asker[], lent: Parts, timesSmaller: number): Parts {
  const own = askers.find(({ id }) => id === self);
  if (own === undefined || own.base.permits === 0) return {};
  if (askers.every(({ base }) => base.permits <= 1)) return permit(own, askers, lent);
  const division = new Division(askers, timesSmaller);
  return division.isWorthIt ? division.loansOf(own, lent) : lent;
}

/** How the rate of a key, of which all members have permits, should be divided. */
class Division {
  readonly #askers: readonly Asker[];
  readonly #timesSmaller: number;
  readonly #total: number;
  readonly #demand: number;

  constructor(askers: readonly Asker[], timesSmaller: number) {
    this.#askers = askers;
    this.#timesSmaller = timesSmaller;
    this.#total = sum(askers.map(({ base }) => base.rate));
    this.#demand = sum(askers.map(({ demand }) => demand));
  }

  get isWorthIt(): boolean {
    const askers = this.#askers;
    const unused = sum(askers.map((one) => one.rate - Math.max(one.demand, this.#least(one))).map(positive));
    const refused = sum(askers.map(({ rate, demand }) => demand - rate).map(positive));
    const isUnfair = askers.some((one) => Math.abs(one.rate - this.#target(one)) > UNFAIR);
    return refused > UNUSED && (unused > UNUSED || isUnfair);
  }

  /** @param lent what the member lends now */
  loansOf(own: Asker, lent: Parts): Parts {
    const surpluses = rates(
      this.#askers,
      (one) => one.base.rate - Math.max(this.#target(one), this.#least(one)),
    );
    const lacks = rates(this.#askers, (one) => this.#target(one) - one.base.rate);
    if (!surpluses.has(own.id) || lacks.size === 0) return {};
    // What the members keep is missing at all that lack something.
    const part = Math.min(1, sum([...surpluses.values()]) / sum([...lacks.values()]));
    for (const [id, lack] of lacks) lacks.set(id, Math.floor(lack * part));
    const now = this.#askers.flatMap((one) =>
      Object.entries(one === own ? lent : (one.lent ?? {})).map(([borrower, { rate }]) => {
        return { lender: one.id, borrower, rate };
      }),
    );
    const loans = paired(surpluses, lacks, now).get(own.id);
    const borrowers = this.#askers.filter(({ id }) => loans?.has(id));
    return Object.fromEntries(borrowers.map(({ id }) => [id, { rate: loans!.get(id)!, permits: 0 }]));
  }

  /** In proportion to what is asked for; what is not asked for is divided evenly. */
  #target({ demand }: Asker): number {
    if (this.#demand > this.#total) return (this.#total * demand) / this.#demand;
    return demand + (this.#total - this.#demand) / this.#askers.length;
  }

  #least({ base }: Asker): number {
    return base.rate / Math.min(KEPT, this.#timesSmaller);
  }
}

/**
 * No member has more than one permit: whole ones move, in proportion to what is asked for (the method of
 * highest averages by A. Sainte-Laguë). All members go through the permits in the same order, so that they
 * do not give all of them to the same member at once.
 */
function permit(own: Asker, askers: readonly Asker[], lent: Parts): Parts {
  const permits = new Permits(askers);
  const owners = askers.filter(({ base }) => base.permits > 0).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  for (const owner of owners) permits.add(owner, owner === own ? lent : (owner.lent ?? {}));
  for (const owner of owners) {
    const place = permits.move(owner);
    if (owner === own) return place === own.id ? {} : { [place]: { rate: own.base.rate, permits: 1 } };
  }
  return {};
}

/** Which members have the permits. */
class Permits {
  readonly #askers: readonly Asker[];
  readonly #indices: ReadonlyMap<string, number>;
  /** How many each member has. */
  readonly #held: number[];
  /** Where that of each owner is; undefined for a member that has not reported the key. */
  readonly #places = new Map<Asker, number | undefined>();

  constructor(askers: readonly Asker[]) {
    this.#askers = askers;
    this.#indices = new Map(askers.map(({ id }, index) => [id, index]));
    this.#held = askers.map(() => 0);
  }

  add(owner: Asker, lent: Parts): void {
    const [holder = owner.id] = Object.keys(lent);
    const place = this.#indices.get(holder);
    this.#places.set(owner, place);
    if (place !== undefined) this.#held[place]! += 1;
  }

  /** Moves the permit of an owner to where it should be. @returns the name of the member that has it then */
  move(owner: Asker): string {
    const place = this.#places.get(owner);
    if (place !== undefined) this.#held[place]! -= 1;
    const better = this.#better(this.#indices.get(owner.id)!, place);
    this.#held[better]! += 1;
    return this.#askers[better]!.id;
  }

  #better(home: number, place: number | undefined): number {
    let best = home;
    for (const index of this.#held.keys()) if (this.#average(index) > this.#average(best)) best = index;
    const [most, now] = [this.#average(best), place === undefined ? 0 : this.#average(place)];
    if (most > CLEARLY * now && most - now > Math.sqrt((most + now) * ONE_REQUEST)) return best;
    return place === undefined || this.#average(home) >= now ? home : place;
  }

  /** What is asked for at a member by permit, if it has one more. */
  #average(index: number): number {
    return this.#askers[index]!.demand / (2 * this.#held[index]! + 1);
  }
}

/** Those of the members that have at least one millionth of N of something. */
const rates = (askers: readonly Asker[], of: (asker: Asker) => number): Map<string, number> =>
  new Map(askers.map((one) => [one.id, Math.floor(of(one))] as const).filter(([, rate]) => rate > 0));

const positive = (number: number): number => Math.max(0, number);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
