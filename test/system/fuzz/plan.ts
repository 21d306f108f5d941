// The n-th request of a storm, a function of the seed and n, so that one request can be sent again
// alone.
import { seeded } from '#test/support/random.js';
import { type Chance, GENTLE, MUTATIONS } from './mutations.js';
import { kindOf, SEEDS } from './seeds.js';

export interface Planned {
  /** Method and path of the good request. */
  readonly kind: string;
  /** The mutations of the good request. */
  readonly mutations: readonly string[];
  /** The packets, written one after the other. */
  readonly packets: readonly Buffer[];
}

const MOST_BYTES = 200_000;
const WHOLE = Object.keys(MUTATIONS);
const KEPT = Object.keys(GENTLE);
/**
 * One request in this number is broken anywhere, its request line included; the others must pass the core.
 */
const GARBAGE = 6;

export function planned(seed: number, n: number): Planned {
  const next = seeded(Math.imul(seed, 0x9e3779b1) ^ Math.imul(n + 1, 0x85ebca6b));
  const int = (below: number): number => Math.floor(next() * below);
  const chance: Chance = { int, of: (list) => list[int(list.length)]! };
  let bytes = chance.of(SEEDS);
  const kind = kindOf(bytes);
  const [names, ways] = int(GARBAGE) === 0 ? [WHOLE, MUTATIONS] : [KEPT, GENTLE];
  const mutations = Array.from({ length: int(4) }, () => chance.of(names));
  for (const name of mutations) {
    if (bytes.length > 0) bytes = ways[name]!(bytes, chance).slice(0, MOST_BYTES);
  }
  const whole = Buffer.from(bytes, 'latin1');
  const at = int(4) === 0 ? int(whole.length + 1) : whole.length;
  return {
    kind,
    mutations,
    packets: [whole.subarray(0, at), whole.subarray(at)].filter(({ length }) => length > 0),
  };
}
