import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { GroupedInterval } from '#src/grouped-interval.js';

const MS = 25;

describe('a grouped interval', () => {
  it('runs each work about as often as a timer of its own', async () => {
    const { every } = new GroupedInterval();
    const runs = { often: 0, seldom: 0 };
    const begun = performance.now();
    const stops = [every(MS, () => runs.often++), every(4 * MS, () => runs.seldom++)];
    await delay(16 * MS);
    for (const stop of stops) stop();
    const times = (performance.now() - begun) / MS;
    expect(runs.often).to.be.within(2, Math.ceil(times));
    expect(runs.seldom).to.be.within(1, Math.ceil(times / 3.5));
  });

  it('runs works together that are due at nearly the same time', async () => {
    const { every } = new GroupedInterval();
    const turns: number[] = [];
    let turn = 0;
    const note = (): void => {
      turns.push(turn);
      setImmediate(() => turn++);
    };
    let stops: (() => void)[] = [];
    // On a busy machine the second one may begin much later: then it is not due at nearly the same time.
    for (let apart = MS; apart > 8; ) {
      for (const stop of stops) stop();
      const begun = performance.now();
      stops = [every(2 * MS, note)];
      while (performance.now() < begun + 5);
      stops.push(every(2 * MS, note));
      apart = performance.now() - begun;
    }
    await delay(6 * MS);
    for (const stop of stops) stop();
    expect(turns.length).to.be.greaterThan(1);
    expect(turns.filter((at) => at === turns[0])).to.have.lengthOf(2);
  });

  it('runs no work after its end, also when another one ends it', async () => {
    const { every } = new GroupedInterval();
    let runs = 0;
    const stops: (() => void)[] = [];
    stops.push(
      every(MS, () => {
        for (const stop of stops) stop();
      }),
      every(MS, () => runs++),
    );
    await delay(4 * MS);
    expect(runs).to.equal(0);
  });

  it('keeps no timer without work', () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const { every } = new GroupedInterval();
    const stop = every(MS, () => undefined);
    expect(timers()).to.equal(before + 1);
    stop();
    expect(timers()).to.equal(before);
  });
});
