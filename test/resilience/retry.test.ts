import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import type { AttemptEnd } from '#src/resilience/policy.js';
import { Retry, type RetryOptions } from '#src/resilience/retry.js';

const failing: AttemptEnd<string> = { kind: 'failed', error: new Error('broken'), mayRepeat: true };
const final: AttemptEnd<string> = { kind: 'failed', error: new Error('final'), mayRepeat: false };
const unwell: AttemptEnd<string> = { kind: 'returned', value: '503', mayRepeat: true };
const well: AttemptEnd<string> = { kind: 'returned', value: '200', mayRepeat: false };
const noCallee: AttemptEnd<string> = { kind: 'not-attempted', error: new Error('no callee') };

function setUp(script: readonly AttemptEnd<string>[], options: Partial<RetryOptions> = {}) {
  const waits: number[] = [];
  const attempts: number[] = [];
  let exhausted = 0;
  const retry = new Retry({
    attempts: 3,
    backoff: (attempt) => attempt * 10,
    budget: { deposit: () => undefined, hasToken: () => true, withdraw: () => true },
    onExhausted: () => exhausted++,
    sleep: async (ms) => void waits.push(ms),
    ...options,
  });
  const work = async (attempt: number) => {
    attempts.push(attempt);
    return script[attempt - 1]!;
  };
  const run = async (signal = new AbortController().signal, deadline = Deadline.after(60_000)) =>
    retry.goOn(await work(1), work, { deadline, signal });
  return { run, waits, attempts, exhausted: () => exhausted };
}

async function thrownBy(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => expect.fail('nothing was thrown'),
    (error: Error) => error,
  );
}

describe('retry', () => {
  it('does not repeat a success', async () => {
    const { run, attempts } = setUp([well]);
    expect(await run()).to.equal('200');
    expect(attempts).to.deep.equal([1]);
  });

  it('repeats an attempt that may be repeated, after its backoff', async () => {
    const { run, attempts, waits } = setUp([failing, unwell, well]);
    expect(await run()).to.equal('200');
    expect(attempts).to.deep.equal([1, 2, 3]);
    expect(waits).to.deep.equal([10, 20]);
  });

  it('returns the result of the last attempt', async () => {
    expect(await setUp([failing, failing, unwell]).run()).to.equal('503');
    expect((await thrownBy(setUp([unwell, unwell, failing]).run())).message).to.equal('broken');
  });

  it('does not repeat a final failure', async () => {
    const { run, attempts } = setUp([final, well]);
    expect((await thrownBy(run())).message).to.equal('final');
    expect(attempts).to.deep.equal([1]);
  });

  it('keeps the last failure when there is no callee left', async () => {
    expect((await thrownBy(setUp([failing, noCallee]).run())).message).to.equal('broken');
    expect((await thrownBy(setUp([noCallee]).run())).message).to.equal('no callee');
  });

  it('ends, and reports it, when the budget has no token', async () => {
    let tokens = 1;
    const budget = { deposit: () => undefined, hasToken: () => true, withdraw: () => tokens-- > 0 };
    const { run, attempts, exhausted } = setUp([unwell, unwell, well], { budget });
    expect(await run()).to.equal('503');
    expect(attempts).to.deep.equal([1, 2]);
    expect(exhausted()).to.equal(1);
  });

  it('takes its token behind the wait, and does not wait when there is none', async () => {
    const events: string[] = [];
    const budgetWith = (answers: readonly boolean[]) => ({
      deposit: () => undefined,
      hasToken: () => answers[0]!,
      withdraw: () => events.push('withdraw') > 0 && answers[1]!,
    });
    const sleep = async (): Promise<void> => void events.push('sleep');
    for (const [answers, seen] of [
      [[false, true], []],
      [
        [true, false],
        ['sleep', 'withdraw'],
      ],
    ] as const) {
      const { run, attempts, exhausted } = setUp([unwell, well], { budget: budgetWith(answers), sleep });
      expect(await run()).to.equal('503');
      expect([attempts, exhausted(), events.splice(0)]).to.deep.equal([[1], 1, seen]);
    }
  });

  it('takes no token for a repetition that would come after the deadline', async () => {
    let withdrawn = 0;
    const budget = { deposit: () => undefined, hasToken: () => true, withdraw: () => ++withdrawn > 0 };
    const { run, attempts } = setUp([unwell, well], { budget, backoff: () => 5_000 });
    expect(await run(undefined, Deadline.after(4_000))).to.equal('503');
    expect(attempts).to.deep.equal([1]);
    expect(withdrawn).to.equal(0);
  });

  it('does not repeat for a caller that has left, before or during the wait', async () => {
    const before = setUp([unwell, well]);
    expect(await before.run(AbortSignal.abort())).to.equal('503');
    expect(before.attempts).to.deep.equal([1]);

    const controller = new AbortController();
    const during = setUp([unwell, well], {
      sleep: async () => {
        controller.abort();
        throw controller.signal.reason;
      },
    });
    expect(await during.run(controller.signal)).to.equal('503');
    expect(during.attempts).to.deep.equal([1]);
  });

  it('throws a RangeError for a bad number of attempts', () => {
    for (const attempts of [0, -1, 1.5, Number.NaN]) {
      expect(() => setUp([], { attempts })).to.throw(RangeError);
    }
  });
});
