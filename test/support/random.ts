// Random numbers that can be replayed: the title of a test shows its seed, and SEED=… runs it again.

/** mulberry32 (github.com/cprosche/mulberry32): numbers from 0 up to, not including, 1. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const newSeed = (): number => Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
