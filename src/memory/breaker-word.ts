// The state of one breaker, packed into a 64-bit word so that one compare-and-swap changes all of it.
//
//   low half   bits 0-1 state, 2-3 forced, 4-7 probes taken, 8-11 probes succeeded, 12-31 epoch
//   high half  milliseconds of the shared clock: when the state was entered, or the last probe was let through

export const [CLOSED, OPEN, HALF_OPEN] = [0, 1, 2] as const;
export const FORCED_OPEN = 1 << 2;
export const FORCED_CLOSED = 2 << 2;
const FORCED_MASK = 0xc;
const MODE_MASK = 0xf;
/** Added to the low half: one more probe taken, one more succeeded. */
export const TAKEN = 1 << 4;
export const SUCCEEDED = 1 << 8;
const EPOCH_SHIFT = 12;
export const EPOCH_MASK = 0xfffff;

/** State and forced bits: one of the five constants above, since a forced breaker has no other state. */
export const modeOf = (low: number): number => low & MODE_MASK;
export const isForced = (low: number): boolean => (low & FORCED_MASK) !== 0;
export const takenOf = (low: number): number => (low >>> 4) & 0xf;
export const succeededOf = (low: number): number => (low >>> 8) & 0xf;
export const epochOf = (low: number): number => low >>> EPOCH_SHIFT;
/** A mode in the epoch after that of `low`, no probe taken. */
export const following = (low: number, mode: number): number =>
  (((epochOf(low) + 1) & EPOCH_MASK) << EPOCH_SHIFT) | mode;

export const lowOf = (word: bigint): number => Number(BigInt.asIntN(32, word));
export const sinceOf = (word: bigint): number => Number(BigInt.asUintN(32, word >> 32n));
export const pack = (low: number, since: number): bigint =>
  BigInt.asIntN(64, (BigInt(since) << 32n) | BigInt(low >>> 0));
