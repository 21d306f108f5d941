import { expect } from 'chai';
import { RouteCost } from '#src/resilience/route-cost.js';
import { RouteCosts } from '#src/resilience/route-costs.js';
import { seeded } from '#test/support/random.js';

interface Truth {
  readonly cost: RouteCost;
  readonly perWindow: number;
  readonly enteringMs: number;
  readonly leavingMs: number;
}

/** @returns a random number of requests in a window, with this average */
const draw = (mean: number, random: () => number): number => {
  let count = 0;
  for (let left = Math.exp(-mean), product = random(); product > left; product *= random()) count++;
  return count;
};

/**
 * Runs windows of 50 ms with the given costs of routes, a share `background` of other work, and `pauseMs` in
 * some.
 */
function teach(
  costs: RouteCosts,
  routes: readonly Truth[],
  windows: number,
  { background = 0, pauseMs = 0, pauseEvery = Number.POSITIVE_INFINITY } = {},
): void {
  const random = seeded(7);
  let entered = routes.map(() => 0);
  for (let n = 1; n <= windows; n++) {
    let busyMs = 50 * background + (n % pauseEvery === 0 ? pauseMs : 0);
    const before = entered;
    entered = routes.map(({ perWindow }) => draw(perWindow, random));
    routes.forEach(({ cost, enteringMs, leavingMs }, index) => {
      // Requests that entered in the window before leave in this one.
      cost.entering.count = entered[index]!;
      cost.leaving.count = before[index]!;
      busyMs += entered[index]! * enteringMs + before[index]! * leavingMs;
    });
    costs.learn(
      { elapsedMs: Math.max(50, busyMs), busyMs, refused: 0 },
      routes.map(({ cost }) => cost),
    );
  }
}

const expectedOf = ({ cost }: Truth): number => cost.expectedMs;

describe('the cost of a request', () => {
  it('is learned from how busy the thread was, before and after the wait of a request', () => {
    const costs = new RouteCosts();
    const routes = [
      { cost: new RouteCost(), perWindow: 4, enteringMs: 5, leavingMs: 0 },
      { cost: new RouteCost(), perWindow: 4, enteringMs: 0, leavingMs: 5 },
      { cost: new RouteCost(), perWindow: 4, enteringMs: 1, leavingMs: 1 },
    ];
    teach(costs, routes, 200);
    for (const { cost, enteringMs, leavingMs } of routes) {
      expect(cost.entering.value).to.be.closeTo(enteringMs, 0.3);
      expect(cost.leaving.value).to.be.closeTo(leavingMs, 0.3);
    }
  });

  it('differs between a route of many cheap requests and one of few expensive ones', () => {
    const costs = new RouteCosts();
    const [cheap, rare] = [
      { cost: new RouteCost(), perWindow: 100, enteringMs: 0.05, leavingMs: 0.05 },
      { cost: new RouteCost(), perWindow: 0.3, enteringMs: 1, leavingMs: 19 },
    ];
    teach(costs, [cheap, rare], 400);
    expect(expectedOf(cheap)).to.be.closeTo(0.1, 0.02);
    expect(expectedOf(rare)).to.be.closeTo(20, 2);
  });

  it('does not contain other work of the thread', () => {
    const costs = new RouteCosts();
    const route = { cost: new RouteCost(), perWindow: 5, enteringMs: 0.5, leavingMs: 0.5 };
    teach(costs, [route], 1_000, { background: 0.5 });
    expect(costs.background).to.be.closeTo(0.5, 0.05);
    expect(expectedOf(route)).to.be.closeTo(1, 0.4);
  });

  it('is not changed by pauses, however long they are', () => {
    for (const pauseMs of [300, 3_000, 3_600_000]) {
      const costs = new RouteCosts();
      const route = { cost: new RouteCost(), perWindow: 50, enteringMs: 0.1, leavingMs: 0.1 };
      teach(costs, [route], 600, { pauseMs, pauseEvery: 20 });
      expect(expectedOf(route), `${pauseMs} ms`).to.be.closeTo(0.2, 0.05);
      expect(costs.background, `${pauseMs} ms`).to.be.below(0.05);
    }
  });

  it('follows a change within a second', () => {
    const costs = new RouteCosts();
    const before = { cost: new RouteCost(), perWindow: 50, enteringMs: 0.1, leavingMs: 0.1 };
    teach(costs, [before], 200);
    const after = { ...before, perWindow: 8, leavingMs: 5 };
    teach(costs, [after], 20);
    expect(expectedOf(after)).to.be.closeTo(5.1, 1);
  });

  it('does not contain the time of rejections, whatever that is', () => {
    for (const refusalMs of [0.014, 0.05, 0.1, 0.2]) {
      const [costs, random] = [new RouteCosts(), seeded(3)];
      const cost = new RouteCost();
      for (let n = 0; n < 600; n++) {
        const refused = n < 200 ? 0 : draw(100, random);
        cost.entering.count = cost.leaving.count = draw(5, random);
        const busyMs = cost.entering.count * 0.1 + refused * refusalMs + random();
        costs.learn({ elapsedMs: 50, busyMs, refused }, [cost]);
      }
      expect(cost.expectedMs, `${refusalMs} ms`).to.be.below(0.3);
      expect(costs.refusalMs, `${refusalMs} ms`).to.be.within(0.7 * refusalMs, 1.3 * refusalMs);
    }
  });

  it('is also learned when one request takes seconds', () => {
    const costs = new RouteCosts();
    const route = { cost: new RouteCost(), perWindow: 0.3, enteringMs: 0, leavingMs: 2_000 };
    teach(costs, [route], 400);
    expect(expectedOf(route)).to.be.closeTo(2_000, 200);
  });

  it('is trusted only in part for the first dozens of requests, which run code that is not compiled yet', () => {
    const costs = new RouteCosts();
    const cost = new RouteCost();
    cost.entering.count = 4;
    cost.leaving.count = 4;
    costs.learn({ elapsedMs: 50, busyMs: 40, refused: 0 }, [cost]);
    expect(cost.expectedMs).to.be.within(0.2, 2);
  });

  it('is the mean cost of all unknown routes for a route that is unknown', () => {
    const [costs, random] = [new RouteCosts(), seeded(5)];
    const routes = Array.from({ length: 300 }, () => new RouteCost());
    for (let n = 0; n < 40; n++) {
      const used = Array.from({ length: 10 }, () => routes[Math.floor(random() * 300)]!);
      for (const route of used) {
        costs.meet(route);
        route.entering.count++;
        route.leaving.count++;
      }
      costs.learn({ elapsedMs: 60, busyMs: 50 + random(), refused: 0 }, [...new Set(used)]);
    }
    const unseen = new RouteCost();
    costs.meet(unseen);
    expect(unseen.expectedMs).to.be.within(4, 6);
  });

  it('is at once what another thread has learned', () => {
    const costs = new RouteCosts();
    const cost = new RouteCost();
    cost.assume(1, 4);
    expect(cost.expectedMs).to.equal(5);
    const cheaper = { cost, perWindow: 8, enteringMs: 1, leavingMs: 1 };
    teach(costs, [cheaper], 40);
    expect(expectedOf(cheaper), 'and learned anew').to.be.closeTo(2, 0.5);
  });

  it('is never negative, whatever is measured', () => {
    const costs = new RouteCosts();
    const cost = new RouteCost();
    for (const busyMs of [50, 0, 50, 0, 0, 0, 0, 0]) {
      cost.entering.count = 10;
      costs.learn({ elapsedMs: 50, busyMs, refused: 100 }, []);
      expect(cost.expectedMs).to.be.within(0, 50);
      expect(costs.refusalMs).to.be.within(0, 0.5);
    }
  });
});

describe('the size of the pieces that work consists of', () => {
  /** Runs windows with some requests of one route, whose costs differ. */
  const taught = (costOf: (random: () => number) => number, pauseMs = 0): [RouteCosts, RouteCost] => {
    const [costs, cost, random] = [new RouteCosts(), new RouteCost(), seeded(11)];
    for (let n = 1; n <= 1_500; n++) {
      const count = draw(1.5, random);
      let busyMs = n % 80 === 0 ? pauseMs : 0;
      for (let request = 0; request < count; request++) busyMs += costOf(random);
      cost.leaving.count = cost.entering.count = count;
      costs.learn({ elapsedMs: Math.max(50, busyMs), busyMs, refused: 0 }, count > 0 ? [cost] : []);
    }
    return [costs, cost];
  };

  it('is the cost of the requests when they cost the same, and pauses do not change it', () => {
    for (const ms of [1, 5, 30, 100]) {
      for (const pauseMs of [0, 200, 2_000, 3_600_000]) {
        const [costs] = taught(() => ms, pauseMs);
        expect(costs.pieceMs, `${ms} ms`).to.be.within(0.9 * ms - 0.2, 1.3 * ms + 4);
      }
    }
  });

  it('is the cost of the costly requests when a few of a route cost most, and its mean stays correct', () => {
    const [costs, cost] = taught((random) => (random() < 0.1 ? 60 : 1));
    expect(costs.pieceMs).to.be.within(35, 75);
    expect(cost.expectedMs).to.be.within(4, 11);
  });

  it('is the cost of the costly requests when routes differ', () => {
    const costs = new RouteCosts();
    const routes = [
      { cost: new RouteCost(), perWindow: 20, enteringMs: 0.2, leavingMs: 0.2 },
      { cost: new RouteCost(), perWindow: 0.8, enteringMs: 0.2, leavingMs: 30 },
    ];
    teach(costs, routes, 600);
    // Four fifths of the work come in pieces of 30 ms.
    expect(costs.pieceMs).to.be.within(18, 34);
  });
});
