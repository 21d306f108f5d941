import { expect } from 'chai';
import fc from 'fast-check';
import { fillSecret, KeyedHash } from '#src/memory/keyed-hash.js';

const rotl = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));

/** HalfSipHash with 64 bits of output over bytes, a port of the reference of its authors. */
function halfSipHash(bytes: Buffer, k0: number, k1: number, rounds: number, finalRounds: number): Buffer {
  const v: [number, number, number, number] = [k0, k1 ^ 0xee, 0x6c796765 ^ k0, 0x74656462 ^ k1];
  const round = (): void => {
    v[0] += v[1];
    v[1] = rotl(v[1], 5) ^ v[0];
    v[0] = rotl(v[0], 16);
    v[2] += v[3];
    v[3] = rotl(v[3], 8) ^ v[2];
    v[0] = (v[0] + v[3]) | 0;
    v[3] = rotl(v[3], 7) ^ v[0];
    v[2] = (v[2] + v[1]) | 0;
    v[1] = rotl(v[1], 13) ^ v[2];
    v[2] = rotl(v[2], 16);
  };
  const absorb = (word: number): void => {
    v[3] ^= word;
    for (let i = 0; i < rounds; i++) round();
    v[0] ^= word;
  };
  const whole = bytes.length & ~3;
  for (let at = 0; at < whole; at += 4) absorb(bytes.readInt32LE(at));
  absorb([...bytes.subarray(whole)].reduce((word, byte, i) => word | (byte << (8 * i)), bytes.length << 24));
  const out = Buffer.alloc(8);
  for (const [half, mark] of [0xee, 0xdd].entries()) {
    v[half === 0 ? 2 : 1] ^= mark;
    for (let i = 0; i < finalRounds; i++) round();
    out.writeInt32LE(v[1] ^ v[3], 4 * half);
  }
  return out;
}

describe('keyed hash', () => {
  it('is tested against the test vectors of its authors', () => {
    // vectors.h of HalfSipHash-2-4-64: the key is the bytes 0 to 7, the message empty.
    const [k0, k1] = [0x03020100, 0x07060504];
    expect(halfSipHash(Buffer.alloc(0), k0, k1, 2, 4).toString('hex')).to.equal('218d1f59b9b83cc8');
  });

  it('is HalfSipHash-1-3 of its salt and the text', () => {
    const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    fc.assert(
      fc.property(word, word, word, fc.string({ unit: 'binary', maxLength: 80 }), (k0, k1, salt, text) => {
        const hash = new KeyedHash(Int32Array.of(k0, k1));
        hash.of(salt, text);
        const bytes = Buffer.alloc(4 + 2 * text.length);
        bytes.writeInt32LE(salt);
        bytes.write(text, 4, 'utf16le');
        const expected = halfSipHash(bytes, k0, k1, 1, 3);
        expect([hash.low, hash.high]).to.deep.equal([expected.readInt32LE(0), expected.readInt32LE(4)]);
      }),
    );
  });

  it('has another secret every time', () => {
    const secrets = Array.from({ length: 10 }, () => {
      const secret = new Int32Array(2);
      fillSecret(secret);
      return secret.join();
    });
    expect(new Set(secrets).size).to.equal(10);
  });
});
