import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { BreakerCells, REFUSED } from '#src/memory/breaker/breaker-cell.js';
import { NamedBreakers } from '#src/memory/breaker/named-breakers.js';
import { EjectionCells } from '#src/memory/ejection-cells.js';
import { RateTable } from '#src/memory/rate/rate-table.js';
import { sharedStateSweep } from '#src/primary/sweep.js';
import { toStoredNumbers } from '#src/resilience/breaker-options.js';
import { ejectionRule } from '#src/resilience/ejection.js';
import { DEFAULT_TRIP_NUMBERS, DEFAULT_TRIP_RULE, tripRule } from '#src/resilience/trip-rules.js';
import { breakerBoard } from '#src/upstream/breaker-board.js';
import { usageNow } from '#test/memory/usage-now.js';

const DAY_MS = 86_400_000;
const ENDPOINT = 3;

describe('the hourly sweep of the primary', () => {
  it('stores what has changed by time alone, in breakers of endpoints and names, ejections and rate limits', () => {
    const time = { now: 1_000_000 };
    const clock = (): number => time.now;
    const block = Block.create({ workers: 1 });
    const ejections = new EjectionCells(block, ejectionRule(30_000), clock);
    const breakersWith = (slot: number, rule = DEFAULT_TRIP_RULE) =>
      new BreakerCells(block, slot, rule, clock);
    const endpoints = breakersWith(0);
    const board = breakerBoard({ block, clock, endpoints, onTransition: () => undefined });
    const limit = RateTable.of(block, clock).limit('minute', 60_000, 1);

    const numbers = { ...DEFAULT_TRIP_NUMBERS, openMs: DAY_MS, minimumCalls: 1 };
    const named = new NamedBreakers(block);
    const mail = named.slotOf('mail');
    named.agree(mail, toStoredNumbers(numbers), false);
    const worker = breakersWith(1, tripRule(numbers));
    for (const slot of [mail, ENDPOINT]) worker.settle(slot, worker.admit(slot), 'failure');
    for (let n = 0; n < 5; n++) if (ejections.failed(ENDPOINT)) ejections.eject(ENDPOINT, () => true);
    expect(limit.take('key')).to.be.above(0);

    time.now += 2 * DAY_MS;
    const sweep = sharedStateSweep({ block, board, clock, ejections });
    // An instance that returns from its ejection starts slowly first; the end of both is stored.
    for (let round = 0; round < 2; round++) {
      Array.from(sweep());
      time.now += 3_600_000;
    }
    Array.from(sweep());
    const words = [block.words('endpointEjection', ENDPOINT)[0]!, block.words('breakerState', mail)[0]!];
    expect(words.map((word) => word & 0x3f)).to.deep.equal([0, 2]);
    expect(usageNow(RateTable.of(block, clock)).inUse).to.equal(0);
    // At this time every moment in shared memory looks as if it were one of the beginning.
    time.now = 1_000_000 + 2 ** 32 + 1_000;
    for (const slot of [mail, ENDPOINT]) expect(worker.admit(slot)).not.to.equal(REFUSED);
    expect(ejections.state(ENDPOINT)).to.deep.equal({ state: 'in' });
  });
});
