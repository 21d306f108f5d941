import { expect } from 'chai';
import { watchOpenFiles } from '#src/primary/open-files-watch.js';

const EXHAUSTED = 'no file descriptor is free';
const FREE_AGAIN = 'file descriptors are free again';

/** A watch whose looks the test makes, one for each element of `free`, in `stepMs` each. */
function look(free: readonly boolean[], stepMs = 1000): { readonly lines: string[]; readonly count: number } {
  const lines: string[] = [];
  let [now, count, hasFree] = [0, 0, true];
  let work = (): void => {};
  let isStopped = false;
  const write = (line: string): void => void lines.push(line.split(',')[0]!);
  const stop = watchOpenFiles({
    every: (_ms, due) => {
      work = due;
      return () => (isStopped = true);
    },
    log: { error: write, info: write } as never,
    hasFree: () => hasFree,
    exhausted: () => count++,
    now: () => now,
  });
  for (hasFree of free) {
    work();
    now += stepMs;
  }
  stop();
  expect(isStopped).to.equal(true);
  return { lines, count };
}

describe('the watch of open files', () => {
  it('reports once that none is free and once that some are, and counts every look without', () => {
    const { lines, count } = look([true, false, false, false, true, true]);
    expect(lines).to.deep.equal([EXHAUSTED, FREE_AGAIN]);
    expect(count).to.equal(3);
  });

  it('reports a process that runs out again and again once a minute', () => {
    const { lines, count } = look(Array.from({ length: 120 }, (_, at) => at % 2 === 1));
    expect(lines).to.deep.equal([EXHAUSTED, FREE_AGAIN, EXHAUSTED, FREE_AGAIN]);
    expect(count).to.equal(60);
  });

  it('reports it a minute later when it lasts', () => {
    const { lines } = look([false, true, ...Array.from({ length: 60 }, () => false), true]);
    expect(lines).to.deep.equal([EXHAUSTED, FREE_AGAIN, EXHAUSTED, FREE_AGAIN]);
  });

  it('reports one that was without at the first look, at every age of the clock', () => {
    for (const stepMs of [1, 2 ** 31, 2 ** 32])
      expect(look([false], stepMs).lines).to.deep.equal([EXHAUSTED]);
  });
});
