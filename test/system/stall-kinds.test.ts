import { newSeed, seeded } from '#test/support/random.js';
import { stallKinds } from './stall-kinds.js';

/** The share of the kinds that runs here is 1 in this many. */
const PARTS = { uws: 3, node: 5 } as const;
const seed = newSeed();
const random = seeded(seed);

for (const core of ['uws', 'node'] as const) {
  stallKinds(core, `a handler that stalls the event loop in one of many places (SEED=${seed})`, (all) =>
    [...all]
      .map((kind) => ({ kind, order: random() }))
      .sort((one, other) => one.order - other.order)
      .slice(0, Math.ceil(all.length / PARTS[core]))
      .map(({ kind }) => kind),
  );
}
