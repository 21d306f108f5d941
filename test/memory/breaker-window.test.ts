import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { BreakerWindow, WINDOW_SECONDS } from '#src/memory/breaker/breaker-window.js';

const block = Block.create({ workers: 1 });
const { rows } = block.table('breakerWindow');

describe('the window of a breaker', () => {
  it('counts the last ten seconds and nothing else, at any age and after any silence', () => {
    const wait = fc.oneof(
      fc.nat(12),
      fc.integer({ min: 490, max: 530 }),
      fc.nat(270),
      fc.nat(1_100),
      fc.nat(6_000),
      fc.nat(86_400),
    );
    const uses = fc.array(fc.record({ wait, isFailure: fc.boolean() }), { minLength: 2, maxLength: 14 });
    const start = fc.oneof(fc.nat(600), fc.nat(2 ** 22), fc.nat(13_000_000));
    let slot = 0;
    fc.assert(
      fc.property(start, uses, (begun, sequence) => {
        const { words, stride } = block.table('breakerWindow');
        slot = (slot + 1) % rows;
        words.fill(0, slot * stride, (slot + 1) * stride);
        const window = new BreakerWindow(block);
        const log: { second: number; isFailure: boolean }[] = [];
        let second = begun;
        for (const { wait: ms, isFailure } of sequence) {
          second += ms;
          const recent = log.filter((entry) => second - entry.second < WINDOW_SECONDS);
          const failures = recent.filter((entry) => entry.isFailure).length;
          expect(window.failures(slot, second), `failures at ${second}`).to.equal(failures);
          expect(window.successes(slot, second), `successes at ${second}`).to.equal(recent.length - failures);
          if (isFailure) window.addFailure(slot, second);
          else window.addSuccess(slot, second);
          log.push({ second, isFailure });
        }
      }),
      { numRuns: 20_000 },
    );
  });
});
