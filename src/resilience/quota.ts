// A quota limits something that requests hold for a while (bytes of bodies, open streams), counted over all
// threads, and how much of it one client address may hold: otherwise a single client could hold all of it,
// and every other client would be rejected.
//
// Counting per address has a cost, so small amounts that are held only for a moment may be taken unassigned
// ("loose"): they count in the total, but for no address. All loose units together are limited to an eighth
// of the share of an address, and the units taken for an address to the rest of that share. So no address
// ever holds more than its share, even if it holds all loose units.

/** Units, counted over all threads. */
export interface Units {
  readonly held: number;
  /** @returns false, and takes nothing, when more than `most` would be held then */
  take(amount: number, most: number): boolean;
  give(amount: number): void;
}

/** Units by client address, counted over all threads. */
export interface Shares<Key> {
  /** @returns false, and takes nothing, when the address would hold more than `most` then */
  take(key: Key, amount: number, most: number): boolean;
  give(key: Key, amount: number): void;
}

export interface QuotaOptions<Key> {
  readonly units: Units;
  readonly shares: Shares<Key>;
  /** The number of units that all threads together may hold. */
  readonly most: number;
  /** The number of units that one address may hold. */
  readonly mostEach: number;
  /**
   * Counts loose units.
   * @default none may be taken
   */
  readonly loose?: Units;
  /** Called for every refusal. */
  readonly onRefused: () => void;
}

/** The part of an address's share that all loose units together may use. */
const LOOSE_PART = 1 / 8;

export class Quota<Key> {
  readonly #options: QuotaOptions<Key>;
  readonly #mostLoose: number;
  /** The number of units that one address may hold, without loose ones. */
  readonly mostShare: number;

  constructor(options: QuotaOptions<Key>) {
    const { loose, mostEach } = options;
    this.#options = options;
    this.#mostLoose = loose === undefined ? 0 : Math.floor(mostEach * LOOSE_PART);
    this.mostShare = mostEach - this.#mostLoose;
  }

  get held(): number {
    return this.#options.units.held;
  }

  /** Takes units for an address, to be returned by `give`. @returns false when it took none */
  take(amount: number, key: Key): boolean {
    const { units, shares, most, onRefused } = this.#options;
    if (amount <= this.mostShare && shares.take(key, amount, this.mostShare)) {
      if (units.take(amount, most)) return true;
      shares.give(key, amount);
    }
    onRefused();
    return false;
  }

  give(amount: number, key: Key): void {
    this.#options.units.give(amount);
    this.#options.shares.give(key, amount);
  }

  /**
   * Takes units for no address, to be returned by `giveLoose`.
   * @returns false when it took none: take them for an address instead
   */
  takeLoose(amount: number): boolean {
    const { units, most, loose } = this.#options;
    if (loose?.take(amount, this.#mostLoose) !== true) return false;
    if (units.take(amount, most)) return true;
    loose.give(amount);
    return false;
  }

  giveLoose(amount: number): void {
    this.#options.units.give(amount);
    this.#options.loose?.give(amount);
  }
}

/** The default share of one client address: half of the total, at least one. */
export const half = (most: number): number => Math.max(1, Math.floor(most / 2));
