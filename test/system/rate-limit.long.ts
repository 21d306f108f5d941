// Outside `npm test`: mocha --timeout 3600000 build/test/system/rate-limit.long.js The exact bounds,
// on an idle machine: with a burst of one, admissions that the machine delays cannot be made up later. A
// limiter per worker would admit four times as much.
import { expect } from 'chai';
import { startCluster } from '#test/support/cluster.js';
import { evenLoad } from '#test/support/even-load.js';
import { PLAIN } from './fixtures/paths.js';

const WORKERS = 4;
const SECOND = 1_000;
const SECONDS = 10;
const RUNS = 3;

async function admissions(limit: string, perSecond: number, forMs: number): Promise<readonly number[]> {
  const cluster = await startCluster({
    config: PLAIN,
    env: { WORKERS: String(WORKERS), RATE_LIMIT: limit },
  });
  try {
    const { responses } = await evenLoad({ url: cluster.url, perSecond, forMs, connections: 8 * WORKERS });
    return responses.filter(({ status }) => status === 200).map(({ at }) => at);
  } finally {
    await cluster.dispose();
  }
}

describe('RATE_LIMIT over four workers, in exact numbers', () => {
  it(`admits no more than 101 in each of ${SECONDS} seconds with a burst of one, and every request that comes in time`, async () => {
    // A late request loses admissions: the next one may come right after the interval, or just before its
    // end.
    for (const [perSecond, least] of [
      [200, 60],
      [800, 85],
    ] as const) {
      const times = await admissions('100/second;burst=1', perSecond, SECONDS * SECOND + 100);
      const counts = Array.from({ length: SECONDS }, (_, second) => {
        const from = times[0]! + second * SECOND;
        return times.filter((at) => at >= from && at < from + SECOND).length;
      });
      console.log(`      ${perSecond} a second offered: ${counts.join(' ')}`);
      for (const count of counts) expect(count).to.be.within(least, 101);
    }
  });

  it('admits 595 to 601 in five seconds from idle with the default burst', async () => {
    const counts: number[] = [];
    while (counts.length < RUNS) {
      const times = await admissions('100/second', 800, 5_200);
      counts.push(times.filter((at) => at < times[0]! + 5 * SECOND).length);
    }
    console.log(`      ${counts.join(' ')}`);
    for (const count of counts) expect(count).to.be.within(595, 601);
  });
});
