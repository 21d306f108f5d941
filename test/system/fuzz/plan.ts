// What is sent as the n-th of a storm: a function of the seed and n, so that one request can be sent again alone.
import { seeded } from '#test/support/random.js';
import { type Chance, MUTATIONS } from './mutations.js';
import { SEEDS } from './seeds.js';

export interface Planned {
  /** What was done to a good request. */
  readonly mutations: readonly string[];
  /** Written one after the other. */
  readonly packets: readonly Buffer[];
}

const MOST_BYTES = 200_000;
const NAMES = Object.keys(MUTATIONS);

export function planned(seed: number, n: number): Planned {
  const next = seeded(Math.imul(seed, 0x9e3779b1) ^ Math.imul(n + 1, 0x85ebca6b));
  const int = (below: number): number => Math.floor(next() * below);
  const chance: Chance = { int, of: (list) => list[int(list.length)]! };
  let bytes = chance.of(SEEDS);
  const mutations = Array.from({ length: int(4) }, () => chance.of(NAMES));
  for (const name of mutations) {
    if (bytes.length > 0) bytes = MUTATIONS[name]!(bytes, chance).slice(0, MOST_BYTES);
  }
  const whole = Buffer.from(bytes, 'latin1');
  const at = int(4) === 0 ? int(whole.length + 1) : whole.length;
  return {
    mutations,
    packets: [whole.subarray(0, at), whole.subarray(at)].filter(({ length }) => length > 0),
  };
}
