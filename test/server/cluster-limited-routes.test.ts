// Routes with two limits, one of which is over several processes: nothing is charged for what the other
// refuses.
import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { ClusterRates } from '#src/memory/rate/cluster-rates.js';
import { RateTable } from '#src/memory/rate/rate-table.js';
import { SharePage } from '#src/memory/rate/share-page.js';
import { parseRate } from '#src/rate.js';
import { isAdmitted, RateLimit } from '#src/resilience/rate-limit.js';
import { chargeRates } from '#src/server/route-rate-limits.js';

const HOUR_MS = 3_600_000;
const RATE = parseRate('1/second;burst=5')!;
const ONE = parseRate('1/second;burst=1')!;

/** A limit of the process and one over processes, with the clock of both. */
function setUp() {
  const block = Block.create({ workers: 1 });
  const time = { now: 1_000 };
  const clock = (): number => time.now;
  const page = new SharePage(block, clock);
  const shared = new ClusterRates({ block, clock, wallClock: clock, slot: 1 });
  const own = new RateLimit('own', RATE, RateTable.of(block, clock).limit('own', 1_000, RATE.burst));
  const cluster = new RateLimit('all', ONE, shared.limit('all', 1_000, ONE.burst));
  /** This process has a share among so many members, for a while. */
  const hold = (count: number): void => {
    page.hold({ members: Array.from({ length: count }, (_, n) => `m${n}`), self: 'm0', salt: [1, 2] });
    page.renew({ monotonic: time.now + HOUR_MS, wall: time.now + HOUR_MS });
  };
  /** Charges both, in one order or the other. */
  const charge = (key: string, clusterIsLast: boolean) => {
    const checks = [own, cluster].map((limit) => ({ limit, keyOf: () => key }));
    const ctx = { ip: '192.0.2.1', header: () => undefined } as unknown as Parameters<typeof chargeRates>[1];
    return chargeRates(clusterIsLast ? checks : checks.toReversed(), ctx);
  };
  const leftOfOwn = (key: string): number => {
    for (let n = 0; ; n++) {
      time.now += 0.01;
      if (!isAdmitted(own.take(key))) return n;
    }
  };
  return { time, hold, charge, leftOfOwn };
}

describe('routes with a limit over several processes beside another one', () => {
  for (const clusterIsLast of [false, true]) {
    const order = clusterIsLast ? 'after' : 'before';

    it(`charge no other limit without a share, when it comes ${order} the other`, () => {
      const { charge, leftOfOwn } = setUp();
      for (let n = 0; n < 3; n++) expect(charge('a', clusterIsLast)?.code).to.equal('STARTING');
      expect(leftOfOwn('a')).to.equal(RATE.burst);
    });

    it(`charge no other limit when the share has ended, when it comes ${order} the other`, () => {
      const { time, hold, charge, leftOfOwn } = setUp();
      hold(1);
      time.now += HOUR_MS;
      for (let n = 0; n < 3; n++) expect(charge('a', clusterIsLast)?.code).to.equal('STARTING');
      expect(leftOfOwn('a')).to.equal(RATE.burst);
    });

    it(`charge no other limit without a permit of the key, when it comes ${order} the other`, () => {
      const { time, hold, charge, leftOfOwn } = setUp();
      hold(4);
      time.now += HOUR_MS / 2;
      const left = Array.from({ length: 40 }, (_, n) => {
        const refused = charge(`key ${n}`, clusterIsLast);
        return [refused?.code, leftOfOwn(`key ${n}`)];
      });
      const one = [undefined, RATE.burst - 1];
      const none = ['RATE_LIMITED', RATE.burst];
      expect(left.filter(([code]) => code === undefined)).to.have.lengthOf.within(1, 39);
      for (const found of left) expect(found).to.deep.equal(found[0] === undefined ? one : none);
    });
  }
});
