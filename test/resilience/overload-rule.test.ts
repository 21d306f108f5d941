import { expect } from 'chai';
import { OverloadRule, type WindowTimes, type WorkLimit } from '#src/resilience/overload-rule.js';
import { TUNING } from '#src/resilience/overload-tuning.js';

const { burstMs, targetTurnMs, leastBoundMs, cutEveryMs, quietMs, mostHoldMs, mostPauseMs, idleShare } =
  TUNING;
const rule = new OverloadRule();
const shedding = (more: Partial<WorkLimit> = {}): WorkLimit => ({ ...rule.open, isShedding: true, ...more });

/** A window of 50 ms in which the thread was busy all the time with admitted work, in turns of 10 ms. */
const window = (more: Partial<WindowTimes> = {}): WindowTimes => ({
  elapsedMs: 50,
  busyMs: 50,
  refusalMs: 0,
  turnMs: 10,
  quietMs: 0,
  pieceMs: 0,
  ...more,
});

describe('room for a request', () => {
  const full = (
    limit: WorkLimit,
    owedMs: number,
    costMs: number,
    sparedMs = 0,
    isBackground = false,
  ): boolean => rule.isFull(limit, owedMs, costMs, sparedMs, isBackground);

  it('ends when the owed work reaches the bound', () => {
    for (const [owedMs, costMs, expected] of [
      [0, 5, false],
      [burstMs - 5, 5, false],
      [burstMs - 4, 5, true],
      [burstMs, 0, false],
      [burstMs + 1, 0, true],
    ] as const) {
      expect(full(rule.open, owedMs, costMs), `${owedMs} + ${costMs}`).to.equal(expected);
    }
  });

  it('exists in an idle thread for a request of any cost', () => {
    for (const costMs of [burstMs, 10 * burstMs, 1e9]) {
      expect(full(rule.open, 0, costMs)).to.equal(false);
      expect(full(shedding({ boundMs: leastBoundMs }), 0, costMs)).to.equal(false);
    }
  });

  it('is not taken by one large request or by a pause, as long as there is no overload', () => {
    expect(full(rule.open, 300 + 20, 1, 300)).to.equal(false);
    expect(full(rule.open, 300 + burstMs, 1, 300)).to.equal(true);
    expect(full(shedding(), 300 + 20, 1, 300)).to.equal(true);
  });

  it('is half as large for background requests', () => {
    expect(full(rule.open, burstMs / 2, 1, 0, true)).to.equal(true);
    expect(full(rule.open, burstMs / 2 - 1, 1, 0, true)).to.equal(false);
  });

  it('is limited for each turn of the loop while requests are rejected', () => {
    expect(rule.isTurnFull(rule.open, 10 * targetTurnMs, 5)).to.equal(false);
    expect(rule.isTurnFull(shedding(), targetTurnMs - 5, 5)).to.equal(false);
    expect(rule.isTurnFull(shedding(), targetTurnMs - 4, 5)).to.equal(true);
    expect(rule.isTurnFull(shedding(), 0, 1_000), 'one request of any cost').to.equal(false);
  });

  it('is shared: a route gets twice the free work, so there is always some left for another', () => {
    const limit = shedding({ boundMs: 90 });
    // One route that uses all it can ends at two thirds.
    let owedMs = 0;
    while (!rule.isUnfair(limit, owedMs, 1, owedMs)) owedMs++;
    expect(owedMs).to.equal(60);
    expect(rule.isUnfair(limit, owedMs, 1, 0), 'a route that has nothing').to.equal(false);
    // Two of them end at two fifths each.
    let eachMs = 0;
    while (!rule.isUnfair(limit, 2 * eachMs, 1, eachMs)) eachMs++;
    expect(eachMs).to.equal(36);
  });
});

describe('a pause', () => {
  it('is the time that the thread was busy with work that it did not owe', () => {
    for (const [name, elapsedMs, sleptMs, owedMs, expected] of [
      ['work that was owed', 100, 0, 100, 0],
      ['a collection', 300, 0, 20, 280],
      ['sleep', 300, 300, 0, 0],
      ['sleep and a collection', 300, 200, 0, 100],
      ['a suspended machine', 1e9, 0, 0, mostPauseMs],
    ] as const) {
      expect(rule.pauseAfter(0, { elapsedMs, sleptMs }, owedMs), name).to.equal(expected);
    }
  });

  it('is forgotten within seconds, and at once when the loop sleeps', () => {
    let pauseMs = 300;
    for (let elapsedMs = 0; elapsedMs < 5_000; elapsedMs += 100) {
      pauseMs = rule.pauseAfter(pauseMs, { elapsedMs: 100, sleptMs: 0 }, 100);
    }
    expect(pauseMs).to.be.within(0, 30);
    expect(rule.pauseAfter(300, { elapsedMs: 10, sleptMs: 6 }, 4)).to.equal(0);
  });
});

describe('the bound', () => {
  it('is not reduced by long turns before a request was rejected', () => {
    expect(rule.afterTurn(rule.open, 10_000, 5)).to.equal(rule.open);
  });

  it('is reduced by a long turn in proportion to its length', () => {
    for (const [busyMs, boundMs] of [
      [targetTurnMs, 100],
      [1.2 * targetTurnMs, 100],
      [2 * targetTurnMs, 50],
      [100 * targetTurnMs, 30],
    ] as const) {
      const { boundMs: left } = rule.afterTurn(shedding({ boundMs: 100 }), busyMs, 1_000);
      expect(left, `${busyMs} ms`).to.be.closeTo(boundMs, 1e-9);
    }
    expect(rule.afterTurn(shedding({ boundMs: 12 }), 1_000, 1_000).boundMs).to.equal(leastBoundMs);
  });

  it('is reduced once in the time in which a cut takes effect', () => {
    const once = rule.afterTurn(shedding(), 2 * targetTurnMs, 1_000);
    expect(rule.afterTurn(once, 2 * targetTurnMs, 1_000 + cutEveryMs)).to.equal(once);
    expect(rule.afterTurn(once, 2 * targetTurnMs, 1_001 + cutEveryMs).boundMs).to.be.below(once.boundMs);
    expect(rule.afterTurn(once, 500, 1_400), 'a turn that began before the cut').to.equal(once);
  });

  it('grows by time while the thread is idle or busy with rejections, whether requests complete or not', () => {
    const limit = shedding({ boundMs: 40 });
    for (const [name, more, factor] of [
      ['well used', {}, 1],
      ['idle', { busyMs: 0 }, 1.1],
      ['busy with refusals', { refusalMs: 10 }, 1.1],
      ['idle between long turns', { busyMs: 30, turnMs: targetTurnMs }, 1],
      ['two windows in one', { elapsedMs: 100, busyMs: 50 }, 1.1 ** 2],
      ['a window that was held up', { elapsedMs: 5_000, busyMs: 100 }, 1.1 ** 4],
    ] as const) {
      expect(rule.afterWindow(limit, window(more)).boundMs, name).to.be.closeTo(40 * factor, 1e-9);
    }
    expect(rule.afterWindow(shedding(), window({ busyMs: 0 })).boundMs, 'at most').to.equal(burstMs);
  });

  it('is back at its full size after half a second without a rejection, whatever it was', () => {
    const deep = shedding({ boundMs: leastBoundMs, holdMs: 100 });
    expect(rule.afterWindow(deep, window({ quietMs: quietMs + 1 }))).to.deep.equal(rule.open);
    expect(rule.afterWindow(deep, window({ quietMs })).isShedding).to.equal(true);
    const held = window({ quietMs: quietMs + 1, turnMs: 2 * targetTurnMs });
    expect(
      rule.afterWindow(deep, held).isShedding,
      'a loop that hardly turned could refuse nothing',
    ).to.equal(true);
  });

  it('is as large as a number of requests when they are costly', () => {
    const { burstPieces, leastPieces, mostBurstMs, quietPieces } = TUNING;
    const large = rule.afterWindow(rule.open, window({ pieceMs: 20 }));
    expect(large.boundMs).to.equal(burstPieces * 20);
    expect(rule.afterWindow(rule.open, window({ pieceMs: 1_000 })).boundMs).to.equal(mostBurstMs);
    const refusing = rule.refused(large);
    const cut = rule.afterTurn({ ...refusing, boundMs: leastBoundMs }, 10_000, 0);
    expect(rule.afterWindow(cut, window({ pieceMs: 20 })).boundMs, 'at least').to.equal(leastPieces * 20);
    expect(rule.afterTurn(refusing, leastPieces * 20, 0), 'a turn of as many').to.equal(refusing);
    const quiet = window({ pieceMs: 100, quietMs: 3 * quietPieces * 100 });
    expect(rule.afterWindow(refusing, quiet).isShedding).to.equal(true);
    expect(rule.afterWindow(refusing, { ...quiet, quietMs: quiet.quietMs + 1 }).isShedding).to.equal(false);
  });

  it('grows in a thread that idles, and is not reduced in it, although a few costly requests make its turns long', () => {
    const [pieceMs, turnMs] = [30, 180];
    const least = shedding({ boundMs: TUNING.leastPieces * pieceMs });
    const limitAfter = (more: Partial<WindowTimes>): WorkLimit => {
      let limit = least;
      for (let ms = 0; ms < 2_000; ms += 50)
        limit = rule.afterWindow(limit, window({ turnMs, pieceMs, ...more }));
      return limit;
    };
    const idle = limitAfter({ busyMs: 50 * (1 - 2 * idleShare) });
    expect(idle.boundMs).to.equal(TUNING.burstPieces * pieceMs);
    expect(rule.afterTurn(idle, turnMs, 1e6)).to.equal(idle);
    const busy = limitAfter({});
    expect(busy.boundMs).to.equal(least.boundMs);
    expect(rule.afterTurn({ ...busy, boundMs: 500 }, turnMs, 1e6).boundMs).to.be.below(500);
  });

  it('is back at its full size within two seconds in a loop without overload, although requests are still rejected', () => {
    let limit = shedding({ boundMs: leastBoundMs });
    for (let ms = 0; ms < 2_000; ms += 50) limit = rule.afterWindow(limit, window({ busyMs: 25 }));
    expect(limit.boundMs).to.equal(burstMs);
  });
});

describe('the delay of rejections', () => {
  const heldAfter = (limit: WorkLimit, refusalMs: number, windows: number): number => {
    let next = limit;
    for (let n = 0; n < windows; n++) next = rule.afterWindow(next, window({ refusalMs }));
    return next.holdMs;
  };

  it('is zero while rejections take little of the thread', () => {
    expect(heldAfter(shedding(), 50 * TUNING.refusalShare, 100)).to.equal(0);
  });

  it('also follows the time of rejections when the loop is not overloaded, since they have other reasons, too', () => {
    for (const limit of [rule.open, shedding()]) {
      expect(heldAfter(limit, 10, 100)).to.equal(mostHoldMs);
      expect(heldAfter({ ...limit, holdMs: mostHoldMs }, 1, 40)).to.equal(0);
    }
  });

  it('grows while rejections take more, up to a limit, and ends when they take less', () => {
    expect(heldAfter(shedding(), 10, 3)).to.be.within(10, 30);
    expect(heldAfter(shedding(), 10, 100)).to.equal(mostHoldMs);
    expect(heldAfter(shedding({ holdMs: mostHoldMs }), 1, 40)).to.equal(0);
  });
});
