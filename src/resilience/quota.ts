// A bounded amount of something that requests hold for a while (bytes of bodies, open streams), counted over
// all threads, of which one client address may hold a share only. Without the share a single client could
// hold all of it, and every other client would be refused.
//
// Telling addresses apart has a price, so small amounts that are held for a moment may be taken loose: they
// count in the whole, but for no address. All loose units together are bounded by an eighth of the share of
// an address, and what is taken for an address by the rest of that share. So no address ever holds more than
// its share, even if it holds all loose units.

/** Units in all threads together. */
export interface Units {
  readonly held: number;
  /** False: they would become more than `most`; nothing was taken. */
  take(amount: number, most: number): boolean;
  give(amount: number): void;
}

/** Units by client address, in all threads together. */
export interface Shares<Key> {
  /** False: those of this address would become more than `most`; nothing was taken. */
  take(key: Key, amount: number, most: number): boolean;
  give(key: Key, amount: number): void;
}

export interface QuotaOptions<Key> {
  readonly units: Units;
  readonly shares: Shares<Key>;
  /** Units that all threads may hold together. */
  readonly most: number;
  /** Units that one address may hold. */
  readonly mostEach: number;
  /** Counts loose units. Default: none may be taken. */
  readonly loose?: Units;
  /** Called for every refusal. */
  readonly onRefused: () => void;
}

/** The part of an address's share that all addresses together may hold loose. */
const LOOSE_PART = 1 / 8;

export class Quota<Key> {
  readonly #options: QuotaOptions<Key>;
  readonly #mostLoose: number;
  /** Units that one address may hold that are not loose. */
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

  /** Takes units for an address, to be returned by `give`. False: refused; nothing was taken. */
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

  /** Takes units for no address, to be returned by `giveLoose`. False: take them for an address. */
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

/** What one client address may hold where nothing else is said: at most half, at least one. */
export const half = (most: number): number => Math.max(1, Math.floor(most / 2));
