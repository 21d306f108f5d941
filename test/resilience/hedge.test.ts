import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { HedgeLostError, type HedgeOutcome, hedged } from '#src/resilience/hedge.js';
import type { AttemptEnd } from '#src/resilience/policy.js';

type End = (tried: AttemptEnd<string>) => void;

const good = (value: string): AttemptEnd<string> => ({ kind: 'returned', value, mayRepeat: false });
const bad = (value: string): AttemptEnd<string> => ({ kind: 'returned', value, mayRepeat: true });
const broken: AttemptEnd<string> = { kind: 'failed', error: new Error('broken'), mayRepeat: true };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Hedged work whose attempts and whose time the test controls. */
function setUp(
  options: { readonly hasSecond?: boolean; readonly deadlineMs?: number; readonly afterMs?: number } = {},
) {
  const ends: End[] = [];
  const signals: AbortSignal[] = [];
  const outcomes: HedgeOutcome[] = [];
  const slept: number[] = [];
  const caller = new AbortController();
  let wake = (): void => undefined;
  const attempt = (signal: AbortSignal): Promise<AttemptEnd<string>> =>
    new Promise((resolve) => {
      signals.push(signal);
      ends.push(resolve);
      signal.addEventListener('abort', () => {
        resolve({ kind: 'failed', error: signal.reason, mayRepeat: false });
      });
    });
  const result = hedged(
    {
      afterMs: options.afterMs ?? 50,
      onEnded: (outcome) => outcomes.push(outcome),
      sleep: (ms, signal) => {
        slept.push(ms);
        return new Promise((resolve, reject) => {
          wake = resolve;
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        });
      },
    },
    { first: attempt, second: (signal) => (options.hasSecond === false ? undefined : attempt(signal)) },
    { deadline: Deadline.after(options.deadlineMs ?? 60_000), signal: caller.signal },
  );
  const passes = async (): Promise<void> => {
    wake();
    await turn();
  };
  return { result, ends, signals, outcomes, slept, caller, passes };
}

describe('hedging', () => {
  it('makes no second attempt when the first one ends in time, however it ends', async () => {
    for (const tried of [good('a'), bad('a'), broken]) {
      const { result, ends, signals, outcomes } = setUp();
      ends[0]!(tried);
      expect(await result).to.equal(tried);
      await turn();
      expect(signals).to.have.length(1);
      expect(outcomes).to.deep.equal([]);
    }
  });

  it('waits at most as long as a timer can', async () => {
    const { result, ends, slept } = setUp({ afterMs: 2 ** 31 + 5, deadlineMs: Number.POSITIVE_INFINITY });
    expect(slept).to.deep.equal([2 ** 31 - 1]);
    ends[0]!(good('a'));
    expect(await result).to.deep.equal(good('a'));
  });

  it('makes the second attempt after the given time, and uses the result that comes first', async () => {
    const { result, ends, slept, signals, outcomes, passes } = setUp();
    expect(slept).to.deep.equal([50]);
    await passes();
    expect(signals).to.have.length(2);
    ends[1]!(good('b'));
    expect(await result).to.deep.equal(good('b'));
    expect(signals[0]!.reason).to.be.instanceOf(HedgeLostError);
    expect(signals[1]!.aborted).to.equal(false);
    expect(outcomes).to.deep.equal(['won']);
  });

  it('cancels the second attempt when the first has a result', async () => {
    const { result, ends, signals, outcomes, passes } = setUp();
    await passes();
    ends[0]!(good('a'));
    expect(await result).to.deep.equal(good('a'));
    expect([signals[0]!.aborted, signals[1]!.aborted]).to.deep.equal([false, true]);
    expect(outcomes).to.deep.equal(['lost']);
  });

  it('waits for the other attempt when one fails, whichever it is', async () => {
    for (const failing of [0, 1]) {
      const { result, ends, signals, outcomes, passes } = setUp();
      await passes();
      ends[failing]!(broken);
      await turn();
      expect(signals.map(({ aborted }) => aborted)).to.deep.equal([false, false]);
      ends[1 - failing]!(good('x'));
      expect(await result).to.deep.equal(good('x'));
      expect(outcomes).to.deep.equal([failing === 0 ? 'won' : 'lost']);
    }
  });

  it('fails when both attempts fail', async () => {
    const { result, ends, outcomes, passes } = setUp();
    await passes();
    ends[1]!(broken);
    ends[0]!(bad('a'));
    expect(await result).to.deep.equal(bad('a'));
    expect(outcomes).to.deep.equal(['failed']);
  });

  it('continues with the first attempt when there can be no second', async () => {
    const { result, ends, outcomes, passes } = setUp({ hasSecond: false });
    await passes();
    ends[0]!(good('a'));
    expect(await result).to.deep.equal(good('a'));
    expect(outcomes).to.deep.equal([]);
  });

  it('makes no second attempt when the deadline comes first', async () => {
    const { result, ends, slept } = setUp({ deadlineMs: 50 });
    expect(slept).to.deep.equal([]);
    ends[0]!(good('a'));
    expect(await result).to.deep.equal(good('a'));
  });

  it('ends both attempts when the caller leaves, with the reason of the caller', async () => {
    const { result, signals, caller, passes } = setUp();
    await passes();
    caller.abort(new Error('left'));
    expect(await result).to.deep.include({ kind: 'failed', mayRepeat: false });
    expect(signals.map(({ reason }) => String(reason))).to.deep.equal(['Error: left', 'Error: left']);
  });

  it('makes no second attempt for a caller that has left', async () => {
    const { result, signals, caller, passes } = setUp();
    caller.abort(new Error('left'));
    await passes();
    await result;
    expect(signals).to.have.length(1);
  });
});
