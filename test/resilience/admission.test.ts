import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { ConcurrencyCells } from '#src/memory/concurrency-cell.js';
import { concurrencyRule, type LimitState } from '#src/resilience/adaptive-limit.js';
import { Admission, type Refusal } from '#src/resilience/admission.js';
import { OwnShare } from '#src/resilience/own-share.js';

const MOST = 100;

function setUp(most = MOST, first: Partial<LimitState> = {}, workers = 1) {
  const block = Block.create({ workers: 1 });
  const time = { now: 0 };
  const clock = (): number => time.now;
  const refused: Refusal[] = [];
  const rule = concurrencyRule(most);
  const cells = new ConcurrencyCells(block, 1, { ...rule, first: { ...rule.first, ...first } }, clock);
  const admission = new Admission({ cells, most, workers, onRefused: (reason) => refused.push(reason) });
  return { time, cells, admission, refused };
}

const fill = (enter: () => number): number => {
  let entered = 0;
  while (enter() > 0) entered++;
  return entered;
};

describe('admission', () => {
  it('lets what is urgent in up to the hard limit, the rest up to the learned one, what can wait to half of it', () => {
    const { admission, refused } = setUp(MOST, { limit: 40, limiting: true });
    const [background, normal, critical] = (['background', 'normal', 'critical'] as const).map((priority) =>
      admission.door(priority),
    );
    expect(fill(() => background!.enter())).to.equal(20);
    expect(fill(() => normal!.enter())).to.equal(20);
    expect(fill(() => critical!.enter())).to.equal(60);
    expect(refused).to.deep.equal(['background', 'latency', 'max_in_flight']);
    normal!.leave();
    expect([normal!.enter(), critical!.enter()]).to.deep.equal([0, 61]);
  });

  it('tells of the hard limit where that is what refuses', () => {
    const { admission, refused } = setUp();
    expect(fill(() => admission.door('normal').enter())).to.equal(100);
    expect(refused).to.deep.equal(['max_in_flight']);
  });

  it('lets a known route only double what it has proven at once, an unknown one come as it likes', () => {
    const unknown = setUp(10_000);
    const door = unknown.admission.door('normal');
    expect(fill(() => door.enter())).to.equal(1_024);

    const known = setUp(10_000);
    const route = known.admission.door('normal');
    for (let n = 0; n < 50; n++) {
      route.enter();
      known.time.now += 5;
      route.answered(5, 1, known.time.now);
      route.leave();
    }
    expect(fill(() => route.enter())).to.equal(64);
    // The last of them is answered as usual, so 64 at once are proven; the first would prove nothing.
    route.answered(5, 1, known.time.now);
    expect(route.enter()).to.equal(0);
    route.answered(5, 64, known.time.now);
    route.leave();
    expect(fill(() => route.enter())).to.equal(65);
    // Those behind them are late, which proves nothing.
    route.answered(80, 128, known.time.now);
    route.leave();
    expect(fill(() => route.enter())).to.equal(1);
    expect(known.refused).to.deep.equal(['surge', 'surge', 'surge', 'surge']);
    expect(known.admission.door('normal').enter(), 'another route').to.equal(1);
  });

  it('lowers the limit for all when answers take longer than their routes usually do', () => {
    const { admission, cells, time } = setUp();
    const [fast, slow] = [admission.door('normal'), admission.door('normal')];
    for (let i = 0; i < 80; i++) fast.enter();
    const answer = (fastMs: number, slowMs: number): void => {
      for (let i = 0; i < 200; i++) {
        time.now += 4;
        fast.answered(fastMs, 1, time.now);
        slow.answered(slowMs, 1, time.now);
      }
    };
    answer(5, 60);
    expect(cells.state.limiting, 'each as usual').to.equal(false);
    answer(39, 100);
    expect(cells.state.limiting, 'each hardly twice as long').to.equal(false);
    answer(200, 600);
    expect(cells.state.limiting).to.equal(true);
    expect(cells.limit).to.be.below(100);
  });

  it('while it limits, gives a worker an even share of the limit; half of that to what can wait', () => {
    const { admission, refused } = setUp(MOST, { limit: 40, limiting: true }, 4);
    const [normal, background, critical] = (['normal', 'background', 'critical'] as const).map((priority) =>
      admission.door(priority),
    );
    expect(fill(() => background!.enter())).to.equal(5);
    expect(fill(() => normal!.enter())).to.equal(5);
    expect(refused).to.deep.equal(['background', 'latency']);
    expect(critical!.enter(), 'the hard limit alone').to.equal(1);
  });

  it('gives a worker all it wants while nothing is limited', () => {
    const { admission } = setUp(MOST, {}, 4);
    expect(fill(() => admission.door('normal').enter())).to.equal(MOST);
  });
});

describe('the share of a worker', () => {
  const served = (perSecond: number, latencyMs: number): OwnShare => {
    const share = new OwnShare(4);
    for (let now = 0; now < 3_000; now += 10)
      share.answered(perSecond / 100, (perSecond / 100) * latencyMs, now);
    return share;
  };

  it('is an even one for who needs less', () => {
    expect(new OwnShare(4).most(40)).to.equal(10);
    expect(served(100, 20).most(40)).to.equal(10);
  });

  it('is half as much again as its answers need, where that is more', () => {
    // 1,000 a second of 20 ms each are 20 at once.
    expect(served(1_000, 20).most(40)).to.equal(30);
    expect(served(1_000, 60).most(40)).to.equal(90);
  });

  it('is that of the best of the last while: what others have taken is not lost', () => {
    const share = served(1_000, 20);
    for (let now = 3_000; now < 4_000; now += 10) share.answered(1, 20, now);
    expect(share.most(40)).to.be.within(27, 30);
  });
});
