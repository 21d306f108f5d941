// The full form of the simulations, with many seeds; not part of `npm test`. HOURS sets the hours of
// clusters.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { play, withPicker } from './calls/play.js';
import { BROKEN, STORIES, thousands } from './calls/stories.js';
import { expectNear, tableRows } from './documented.js';
import { playHerd } from './membership/herd.js';
import { KINDS } from './membership/member.js';
import { playCluster } from './membership/play-cluster.js';
import { clusterTable } from './report.js';

const HOURS = Number(process.env.HOURS ?? 10_000);
/** Hours of one cluster. */
const EACH = 10;
const SEEDS = Array.from({ length: 20 }, (_, n) => n + 1);
const HERD = { seed: 1, processes: 100, instances: 25 };

describe('the mesh in simulated time, at length', () => {
  it(`keeps all rules for ${HOURS} hours of clusters`, async () => {
    const beganAt = Date.now();
    let [hours, faults] = [0, 0];
    for (let seed = 1; hours < HOURS; seed += 1) {
      for (const kind of KINDS) {
        const played = await playCluster({ seed, kind, hours: EACH });
        hours += played.hours;
        faults += played.faults;
      }
    }
    const seconds = (Date.now() - beganAt) / 1000;
    console.log(
      `      ${hours.toFixed(0)} hours, ${faults} faults in ${seconds.toFixed(0)} s: ` +
        `${(hours / seconds).toFixed(1)} hours of a cluster a second`,
    );
  }).timeout(7_200_000);

  it('brings processes back as docs/scaling.md shows it', async () => {
    const shown = tableRows(readFileSync('docs/scaling.md', 'utf8'));
    // The longest time of a few faults, some of them at once, is a matter of chance.
    for (const row of tableRows(await clusterTable(1)).slice(2)) expectNear(row, shown, { least: 200 });
  }).timeout(7_200_000);

  it('keeps all rules of calls with any seed', async () => {
    for (const seed of SEEDS) for (const story of STORIES) await play(story, seed);
  }).timeout(7_200_000);

  it('keeps the rules of ejection with any picker that knows no more than the caller', async () => {
    for (const picker of ['p2c', 'round-robin', 'random'])
      for (const story of BROKEN) await play(story, 1, withPicker(picker));
  }).timeout(7_200_000);

  it('spreads calls over two thousand instances', async () => {
    const [two, chance] = [await play(thousands, 1), await play(thousands, 1, withPicker('random'))];
    expect(two.p99Ms).to.be.below(chance.p99Ms);
  }).timeout(7_200_000);

  for (const kind of KINDS) {
    it(`brings 2,500 instances back to ${kind.name} without a herd`, () =>
      playHerd({ ...HERD, kind })).timeout(7_200_000);
  }
});
