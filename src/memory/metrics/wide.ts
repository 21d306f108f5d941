// 64-bit counts in two 32-bit words, with one writing thread. The high word counts how often the low word has
// overflowed. Almost every addition is one store of the low word. When that overflows, which is once in 4
// billion, both words are stored as one 64-bit word, so that no reader and no later writer finds only one of
// them changed, also when the writing thread is lost.
//
// The store of the low word is a plain one. A reader sees an old or a new value of a word and never a mixture
// (ECMA-262 section 29, as every engine compiles it). `Atomics.store` is a call and a full fence: 12 ns, and
// a request makes a dozen of them.

/** Offsets of the low and the high word: all supported platforms are little-endian. */
const LOW = 0;
const HIGH = 1;
const TWO_32 = 4294967296;

/**
 * The highest value of the high word. A count that reaches 2^63 - 1 stays there, because a count that wrapped
 * around would go down.
 */
const MOST_HIGH = 2 ** 31 - 1;

/**
 * Adds a whole number 0..2^53 - 1. Only the row's owner may call it.
 * @param at index of the low word; it must be even
 */
export function addWide(words: Int32Array, at: number, n: number): void {
  const next = (words[at + LOW]! >>> 0) + n;
  if (next < TWO_32) words[at + LOW] = next | 0;
  else addCarry(words, at, n);
}

/**
 * Adds to two counts, to the first one before the second. When the code is cut off by a full stack or by V8,
 * either both are added or none: that happens only where a function is called, and none is called between the
 * two stores. Only the owner of the rows may call it.
 */
export function addBoth(
  words: Int32Array,
  at: number,
  n: number,
  others: Int32Array,
  otherAt: number,
  m: number,
): void {
  const next = (words[at + LOW]! >>> 0) + n;
  const otherNext = (others[otherAt + LOW]! >>> 0) + m;
  if (next < TWO_32 && otherNext < TWO_32) {
    words[at + LOW] = next | 0;
    others[otherAt + LOW] = otherNext | 0;
    return;
  }
  const [wide, otherWide] = [bitsOf(words), bitsOf(others)];
  const [sum, otherSum] = [carried(words, at, n), carried(others, otherAt, m)];
  wide[at >> 1] = sum; // both words at once: every supported platform has 64 bits
  otherWide[otherAt >> 1] = otherSum;
}

/**
 * Adds to a count, and then stores a number that `loadNumber` reads: as in `addBoth`, both or none.
 * @param number its two words in one view
 */
export function addAndStore(
  words: Int32Array,
  at: number,
  n: number,
  number: Float64Array,
  value: number,
): void {
  const next = (words[at + LOW]! >>> 0) + n;
  if (next < TWO_32) {
    words[at + LOW] = next | 0;
    number[0] = value; // both words at once, as in `addBoth`
    return;
  }
  const [wide, sum] = [bitsOf(words), carried(words, at, n)];
  wide[at >> 1] = sum;
  number[0] = value;
}

/** Stores a count, which is a whole number 0..2^53 - 1. Only the row's owner may call it. */
export function storeCount(words: Int32Array, at: number, count: number): void {
  const high = Math.floor(count / TWO_32);
  if (words[at + HIGH] === high) words[at + LOW] = count | 0;
  else storeWide(words, at, high, count % TWO_32);
}

function addCarry(words: Int32Array, at: number, n: number): void {
  Atomics.store(bitsOf(words), at >> 1, carried(words, at, n));
}

/** Both words of a count to which `n` was added. */
function carried(words: Int32Array, at: number, n: number): bigint {
  const sum = (words[at + LOW]! >>> 0) + (n % TWO_32);
  const carry = Math.floor(n / TWO_32) + (sum < TWO_32 ? 0 : 1);
  return wideBits((words[at + HIGH]! >>> 0) + carry, sum);
}

/** Raises a count to a whole number 0..2^53 - 1, when that is larger. Only the row's owner may call it. */
export function raiseWide(words: Int32Array, at: number, n: number): void {
  if (n > readWide(words, at)) storeWide(words, at, Math.floor(n / TWO_32), n % TWO_32);
}

/** Stores both words at once. @param low only its lowest 32 bits are stored */
function storeWide(words: Int32Array, at: number, high: number, low: number): void {
  Atomics.store(bitsOf(words), at >> 1, wideBits(high, low));
}

/** Both words as one. @param low only its lowest 32 bits count */
function wideBits(high: number, low: number): bigint {
  const isFull = high > MOST_HIGH;
  halves[LOW] = isFull ? TWO_32 - 1 : low;
  halves[HIGH] = isFull ? MOST_HIGH : high;
  return bits[0]!;
}

/** Any thread may read. Exact up to 2^53. */
export function readWide(words: Int32Array, at: number): number {
  for (;;) {
    const high = Atomics.load(words, at + HIGH);
    const low = Atomics.load(words, at + LOW) >>> 0;
    if (Atomics.load(words, at + HIGH) === high) return (high >>> 0) * TWO_32 + low;
  }
}

/** The bits of a floating-point number that are all set when it is infinite or no number. */
const NO_NUMBER = 0x7ff00000;

/**
 * Like `readWide`, in a few nanoseconds: both words are loaded at once, as a floating-point number.
 * @param doubles the memory, of which every supported platform loads eight bytes at once
 * @param at index of the count
 */
export function loadWide(doubles: Float64Array, at: number): number {
  float[0] = doubles[at]!;
  const high = halves[HIGH]!;
  // The bits of what is no number may change on the way.
  if ((high & NO_NUMBER) !== NO_NUMBER) return high * TWO_32 + halves[LOW]!;
  return readWide(new Int32Array(doubles.buffer, doubles.byteOffset + at * 8, 2), 0);
}

const bits = new BigInt64Array(1);
const float = new Float64Array(bits.buffer);
const halves = new Uint32Array(bits.buffer);

/** Stores any finite number in the two words at once, as a gauge needs it. It is slower than `addWide`. */
export function storeNumber(words: Int32Array, at: number, value: number): void {
  float[0] = value;
  Atomics.store(bitsOf(words), at >> 1, bits[0]!);
}

/** Reads the number that `storeNumber` has stored. */
export function loadNumber(words: Int32Array, at: number): number {
  bits[0] = Atomics.load(bitsOf(words), at >> 1);
  return float[0]!;
}

const bitsOf = ({ buffer, byteOffset, length }: Int32Array): BigInt64Array =>
  new BigInt64Array(buffer, byteOffset, length >> 1);

/**
 * Replaces an infinite sum by the largest finite number: Prometheus could not add up a page that shows
 * Infinity.
 */
export const finite = (sum: number): number => Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, sum));
