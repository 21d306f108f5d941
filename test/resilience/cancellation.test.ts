import { getEventListeners, once } from 'node:events';
import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError } from '#src/errors.js';
import { cancelAt, MAX_TIMER_MS } from '#src/resilience/cancellation.js';

describe('a cancellation', () => {
  it('aborts at the deadline with DEADLINE_EXCEEDED', async () => {
    const { signal } = cancelAt(Deadline.after(5));
    // A machine that pauses for that long makes it abort at once.
    if (!signal.aborted) await once(signal, 'abort');
    expect(signal.reason).to.be.instanceOf(DeadlineExceededError);
  });

  it('aborts at once when the deadline has passed', () => {
    expect(cancelAt(Deadline.after(0)).signal.reason).to.be.instanceOf(DeadlineExceededError);
  });

  it('aborts with the reason of the first source that aborts', () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const { signal, dispose } = cancelAt(Deadline.after(60_000), [first.signal, undefined, second.signal]);
    second.abort('left');
    first.abort('later');
    expect(signal.reason).to.equal('left');
    dispose();
  });

  it('has the reason of a source that had aborted before', () => {
    expect(cancelAt(Deadline.after(60_000), [AbortSignal.abort('gone')]).signal.reason).to.equal('gone');
  });

  it('leaves no listener and no timer behind when the work has ended', () => {
    const source = new AbortController();
    const timersBefore = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const { signal, dispose } = cancelAt(Deadline.after(60_000), [source.signal]);
    dispose();
    expect(getEventListeners(source.signal, 'abort')).to.deep.equal([]);
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length).to.equal(
      timersBefore,
    );
    source.abort();
    expect(signal.aborted).to.equal(false);
  });

  for (const [deadline, timers] of [
    [Deadline.after(2 ** 40), 4],
    [Deadline.none, 0],
  ] as const) {
    it(`does not abort when the longest timer ends before the deadline, ${timers} of them`, async () => {
      const { setTimeout: real } = globalThis;
      let set = 0;
      const quick = (callback: () => void, ms: number): NodeJS.Timeout => {
        if (ms === MAX_TIMER_MS) set++;
        return real(callback, ms === MAX_TIMER_MS ? 1 : ms);
      };
      globalThis.setTimeout = quick as typeof setTimeout;
      try {
        const { signal, dispose } = cancelAt(deadline);
        while (set < timers) await new Promise((resolve) => setImmediate(resolve));
        expect(set).to.equal(timers);
        expect(signal.aborted).to.equal(false);
        dispose();
      } finally {
        globalThis.setTimeout = real;
      }
    });
  }
});

describe('a signal with many listeners', () => {
  it('causes no warning, however many wait for one request', async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warn);
    const source = new AbortController();
    const cancellations = Array.from({ length: 50 }, () => cancelAt(Deadline.after(60_000), [source.signal]));
    await new Promise((resolve) => setImmediate(resolve));
    for (const { dispose } of cancellations) dispose();
    process.off('warning', warn);
    expect(warnings).to.deep.equal([]);
  });
});
