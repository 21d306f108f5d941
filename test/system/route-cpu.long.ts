// The CPU shares of routes are within 3 points of the work that their handlers do, and within 6 points on the
// node core, whose own work for a request is larger and counts for the route as well. It needs a machine
// without other work: a worker that has lost its core is sampled where it waits, again and again.
import { expect } from 'chai';
import { CORE } from '#test/support/core.js';
import { useCluster } from '#test/support/use-cluster.js';
import { KNOWN_COSTS } from './fixtures/paths.js';
import { type Line, loadFor, sharesOf } from './known-costs.js';

const POINTS = { uws: 0.03, node: 0.06 }[CORE];
/** As many as the window holds on a machine where a sample costs 75 us. */
const SAMPLES = 900;

const MIXES: Readonly<Record<string, readonly Line[]>> = {
  'handlers that do not wait': [
    { path: '/sync/9', clients: 1 },
    { path: '/sync/1', clients: 1 },
    { path: '/body/5', method: 'POST', clients: 1 },
  ],
  'handlers that work behind an await': [
    { path: '/async/8', clients: 2 },
    { path: '/body/4', method: 'POST', clients: 1 },
    { path: '/cheap', clients: 2 },
  ],
  both: [
    { path: '/sync/6', clients: 2 },
    { path: '/async/6', clients: 2 },
    { path: '/body/3', method: 'POST', clients: 1 },
  ],
};

for (const [name, lines] of Object.entries(MIXES)) {
  describe(`the CPU shares of ${name}`, () => {
    const cluster = useCluster({ config: KNOWN_COSTS, env: { WORKERS: '2', STALL_MS: '60000' } });

    it(`are within ${100 * POINTS} points of the truth`, async () => {
      const truth = await loadFor(cluster, SAMPLES, lines);
      const shares = await sharesOf(cluster);
      console.log(name, 'truth', Object.fromEntries(truth), 'shares', Object.fromEntries(shares));
      for (const [route, share] of truth) {
        expect(shares.get(route) ?? 0, route).to.be.closeTo(share, POINTS);
      }
    });
  });
}
