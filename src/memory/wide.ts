// 64-bit counts in two 32-bit words with one writer: a low word, and a carry word whose lowest bit says
// "being carried". A carry happens once in 4 billion, so counting stays one store; a reader that
// meets the bit looks again. BigInt64 atomics would allocate a BigInt per count.
//
// That store is a plain one: a word is never torn, a reader sees one of its values (ECMA-262 section 29, as every
// engine compiles it), and `Atomics.store` is a call and a full fence, 12 ns where a request makes a dozen of them.
// Only a carry is ordered, against the reader's two looks at it.

const LOW = 0;
const CARRY = 1;
const TWO_32 = 4294967296;

/** Adds a whole number 0..2^52. Only the row's owner may call it. */
export function addWide(words: Int32Array, at: number, n: number): void {
  const next = (words[at + LOW]! >>> 0) + n;
  if (next < TWO_32) {
    words[at + LOW] = next | 0;
    return;
  }
  const carry = Atomics.load(words, at + CARRY) & ~1;
  Atomics.store(words, at + CARRY, carry | 1);
  Atomics.store(words, at + LOW, next | 0); // the lowest 32 bits, whatever the rest
  Atomics.store(words, at + CARRY, carry + 2 * Math.floor(next / TWO_32));
}

/** Any thread may read. Exact up to 2^53. */
export function readWide(words: Int32Array, at: number): number {
  // Bounded: an owner lost in the middle of a carry must not hang the reader.
  for (let attempt = 0; ; attempt++) {
    const carry = Atomics.load(words, at + CARRY);
    const low = Atomics.load(words, at + LOW) >>> 0;
    const stable = (carry & 1) === 0 && Atomics.load(words, at + CARRY) === carry;
    if (stable || attempt === 1000) return (carry >>> 1) * TWO_32 + low;
  }
}

const bits = new BigInt64Array(1);
const float = new Float64Array(bits.buffer);

/** Any finite number in the two words, at once: for what is set now and then. */
export function storeNumber(words: Int32Array, at: number, value: number): void {
  float[0] = value;
  Atomics.store(bitsOf(words), at >> 1, bits[0]!);
}

/** What `storeNumber` has left there. */
export function loadNumber(words: Int32Array, at: number): number {
  bits[0] = Atomics.load(bitsOf(words), at >> 1);
  return float[0]!;
}

const bitsOf = ({ buffer, byteOffset, length }: Int32Array): BigInt64Array =>
  new BigInt64Array(buffer, byteOffset, length >> 1);
