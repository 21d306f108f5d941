// Calls in virtual time: the real registry, view, balancer, pickers, ejection, breakers and budget.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { PLANTED_IN_CALLS } from './calls/planted.js';
import { play, withPicker } from './calls/play.js';
import { BROKEN, STORIES, slowPair } from './calls/stories.js';
import { expectNear, tableRows } from './documented.js';
import { findingOf } from './finding-of.js';
import { ejectionRow, pickerRow } from './report.js';

// The seed is the same in every run, so that no build fails by chance; the long form tries many.
const seed = Number(process.env.SEED ?? 1);
const DOCUMENTED_SEED = 1;

describe(`calls in simulated time (SEED=${seed})`, () => {
  for (const story of STORIES) {
    it(`keep all rules: ${story.name}`, () => play(story, seed)).timeout(60_000);
  }

  it('are nearly as fast with two choices as with perfect knowledge, and faster than by chance', async () => {
    const p99Of = async (picker: string) => (await play(slowPair, seed, withPicker(picker))).p99Ms;
    const [p2c, least, random] = [await p99Of('p2c'), await p99Of('least loaded'), await p99Of('random')];
    expect(p2c).to.be.below(0.8 * random);
    expect(p2c).to.be.below(2 * least);
  }).timeout(60_000);

  it('are as docs/resilience.md shows them', async () => {
    const shown = tableRows(readFileSync('docs/resilience.md', 'utf8'));
    for (const story of BROKEN) expectNear(ejectionRow(await play(story, DOCUMENTED_SEED)), shown);
    for (const picker of ['p2c', 'random', 'least loaded'])
      expectNear(await pickerRow(slowPair, picker, DOCUMENTED_SEED), shown);
  }).timeout(60_000);

  it('are the same for the same seed', async () => {
    const [first, again, other] = [
      await play(slowPair, seed),
      await play(slowPair, seed),
      await play(slowPair, seed + 1),
    ];
    expect(again).to.deep.equal(first);
    expect(other.digest).not.to.equal(first.digest);
  }).timeout(60_000);
});

describe('the simulator of calls finds', () => {
  for (const { fault, story, rule, parts } of PLANTED_IN_CALLS) {
    it(`${fault} (${rule})`, async () => {
      const finding = await findingOf(play(story, seed, parts));
      expect(finding.rule, finding.message).to.equal(rule);
    }).timeout(60_000);
  }
});
