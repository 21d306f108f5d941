// The position of a key in a table, by a hash with a secret: clients choose many keys (addresses, header
// values) and must not be able to choose keys that collide. HalfSipHash-1-3 with 64 bits of output (J.-P.
// Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012), as Linux keys its hash
// tables on 32-bit machines: it needs only 32-bit integer arithmetic, which is fast in JavaScript.

/** Two random words, the same for all threads that share a table. */
export function fillSecret(secret: Int32Array): void {
  // The words are copied, because `getRandomValues` accepts no array in shared memory.
  secret.set(crypto.getRandomValues(new Int32Array(2)));
}

/** Rounds after the message: three for the first half of the result, then three for the second. */
const FINAL_ROUNDS = 3;

/**
 * Hashes texts. The 64 bits of the last hash are in `low` and `high`, so that no object is made for each
 * hash.
 */
export class KeyedHash {
  low = 0;
  high = 0;
  readonly #k0: number;
  readonly #k1: number;

  constructor(secret: Int32Array) {
    this.#k0 = secret[0]!;
    this.#k1 = secret[1]!;
  }

  /** Hashes the four bytes of `salt`, which separates kinds of keys, and `text` as UTF-16LE. */
  of(salt: number, text: string): void {
    let v0 = this.#k0;
    let v1 = this.#k1 ^ 0xee;
    let v2 = this.#k0 ^ 0x6c796765;
    let v3 = this.#k1 ^ 0x74656462;
    const pairs = text.length >> 1;
    const tail = (text.length & 1) === 0 ? 0 : text.charCodeAt(text.length - 1);
    const end = ((4 + 2 * text.length) << 24) | tail;
    for (let i = -1; i <= pairs + 2 * FINAL_ROUNDS; i++) {
      const word =
        i < 0
          ? salt
          : i < pairs
            ? text.charCodeAt(2 * i) | (text.charCodeAt(2 * i + 1) << 16)
            : i === pairs
              ? end
              : 0;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
      if (i === pairs) v2 ^= 0xee;
      if (i === pairs + FINAL_ROUNDS) {
        this.low = v1 ^ v3;
        v1 ^= 0xdd;
      }
    }
    this.high = v1 ^ v3;
  }
}
