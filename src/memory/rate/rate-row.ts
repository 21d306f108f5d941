// The state of one rate limit for one key, in a 64-bit word: the key's tag, and its theoretical arrival time.
//
//   low half   low 32 bits of the time
//   high half  bits 0-11 the high 12 bits of the time, 12-31 the key's tag (0: no key)
//
// The time is in sixteenths of a microsecond of the shared clock, modulo 2^44 (12.7 days). An admission moves
// it by a 32-bit compare-and-swap of the low half alone: no BigInt, and nothing to allocate. That is safe
// because every change of a row changes its low half, and never back to a value that it had in the last four
// minutes: the time only grows, and the low half repeats after 268 s. (The one exception is a row that is
// given to another key at once, whose time goes back by one unit each time.) So an unchanged low half means
// that time and key are unchanged.

export const UNITS_PER_MS = 16_000;

const TWO_32 = 4294967296;
const TIME_BITS = 12;
const TIME_MASK = (1 << TIME_BITS) - 1;
export const TAG_MASK = 0xfffff;

export const tagOf = (high: number): number => high >>> TIME_BITS;

/** The bits of a time that are in the high half of a row. */
const highTime = (units: number): number => Math.floor(units / TWO_32) & TIME_MASK;

export const lowHalf = (units: number): number => (units - Math.floor(units / TWO_32) * TWO_32) | 0;
export const highHalf = (tag: number, units: number): number => (tag << TIME_BITS) | highTime(units);

/**
 * By how much the time of a row is later than `now`, in units, whether or not the row has a key; negative
 * when it is earlier.
 */
export function leadOf(low: number, high: number, now: number): number {
  const wholes = Math.floor(now / TWO_32);
  // The difference of the high parts, wrapped into -2048..2047.
  const ahead = ((high - wholes) << (32 - TIME_BITS)) >> (32 - TIME_BITS);
  return ahead * TWO_32 + ((low >>> 0) - (now - wholes * TWO_32));
}

export const pack = (low: number, high: number): bigint =>
  BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low >>> 0));
export const lowOf = (word: bigint): number => Number(BigInt.asIntN(32, word));
export const highOf = (word: bigint): number => Number(BigInt.asIntN(32, word >> 32n));
