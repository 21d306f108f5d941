import { expect } from 'chai';
import fc from 'fast-check';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { SeriesStore } from '#src/memory/metrics/series-store.js';
import { OTHER_ROUTES, type RouteName, RouteNames, RouteNumbers } from '#src/memory/route-names.js';
import type { SlotActivity } from '#src/memory/running-route.js';
import { WINDOW_S } from '#src/telemetry/route-cpu.js';
import { LOOK_EVERY_MS, MOST_SHARES, RouteSampler } from '#src/telemetry/route-sampler.js';
import { type NameOfRoute, ROWS_PER_LOOK } from '#src/telemetry/sampled-routes.js';
import { SamplingPace } from '#src/telemetry/sampling-pace.js';
import { seeded } from '#test/support/random.js';

/** What a loop runs for a time: a route; 0 for other work; undefined when it is idle. */
type Phase = readonly [route: number | undefined, ms: number];

const REPORT_MS = 250;

/** A worker with virtual time that repeats its phases. */
class Worker {
  readonly #phases: readonly Phase[];
  readonly #period: number;
  constructor(phases: readonly Phase[]) {
    this.#phases = phases;
    this.#period = phases.reduce((sum, [, ms]) => sum + ms, 0);
  }
  at(now: number): number | undefined {
    let left = now % this.#period;
    for (const [route, ms] of this.#phases) {
      if (left < ms) return route;
      left -= ms;
    }
    return undefined;
  }
  cpuUs(now: number): number {
    const inPeriod = (until: number): number => {
      let [left, busy] = [until, 0];
      for (const [route, ms] of this.#phases) {
        if (route !== undefined) busy += Math.max(0, Math.min(left, ms));
        left -= ms;
      }
      return busy;
    };
    const reported = Math.floor(now / REPORT_MS) * REPORT_MS;
    const periods = Math.floor(reported / this.#period);
    return Math.round(
      (periods * inPeriod(this.#period) + inPeriod(reported - periods * this.#period)) * 1000,
    );
  }
}

const NAMES = new Map<number, RouteName>([
  [1, { method: 'GET', template: '/one' }],
  [2, { method: 'GET', template: '/two' }],
  [3, { method: 'POST', template: '/two' }],
  [4, { method: 'GET', template: '' }],
]);

/** A primary with virtual time that samples workers. */
class World {
  now = 12_345.5;
  requests = 0;
  /** The time between the ends of two requests. */
  gapMs = LOOK_EVERY_MS;
  inFlight = 0;
  workers: readonly Worker[];
  /** Called after each look. */
  looked = (): void => undefined;
  names: ReadonlyMap<number, RouteName> = NAMES;
  nameOf: NameOfRoute = (_slot, route) => this.names.get(route);
  /** CPU time of the primary: what its wake-ups for samples take. */
  cpuUs = 0;
  wakeUpUs = 40;
  /** The threads of the slots 1 and 2. */
  threads = [1, 2];
  readonly sampler: RouteSampler;
  #timer: { at: number; work: () => void } | undefined;
  #look = { at: 0, ms: 0, work: (): void => undefined };

  constructor(workers: readonly Worker[], seed = 1) {
    this.workers = workers;
    const activity: SlotActivity = {
      slots: workers.length,
      thread: (slot) => this.threads[slot - 1]!,
      route: (slot) => this.workers[slot - 1]!.at(this.now) ?? 0,
      inFlight: () => this.inFlight,
      ended: () => this.requests,
      cpuUs: (slot) => this.workers[slot - 1]!.cpuUs(this.now),
    };
    this.sampler = new RouteSampler({
      activity,
      nameOf: (slot, route, budget) => this.nameOf(slot, route, budget),
      pace: new SamplingPace(seeded(seed)),
      clock: () => this.now,
      cpuTimeUs: () => this.cpuUs,
      every: (ms, work) => {
        this.#look = { at: this.now + ms, ms, work };
        return () => undefined;
      },
      after: (ms, work) => {
        const timer = { at: this.now + ms, work };
        this.#timer = timer;
        return {
          cancel: () => {
            if (this.#timer === timer) this.#timer = undefined;
          },
        };
      },
    });
  }

  get isSampling(): boolean {
    return this.#timer !== undefined;
  }

  /** @param serves whether requests end meanwhile */
  run(seconds: number, serves = true): void {
    const end = this.now + seconds * 1000;
    this.#look.at = Math.min(this.#look.at, this.now + this.#look.ms);
    while (this.now < end) {
      const timer = this.#timer;
      const look = this.#look;
      if (timer !== undefined && timer.at < look.at) {
        this.now = Math.max(this.now, timer.at);
        this.#timer = undefined;
        timer.work();
        this.cpuUs += this.wakeUpUs;
        continue;
      }
      this.now = Math.max(this.now, look.at);
      look.at = this.now + look.ms;
      if (serves) this.requests = Math.floor(this.now / this.gapMs);
      look.work();
      this.looked();
    }
  }

  shares(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      this.sampler.shares().map(({ method, route, ratio }) => [`${method} ${route}`.trim(), ratio]),
    );
  }
}

const close = (
  shares: Readonly<Record<string, number>>,
  expected: Readonly<Record<string, number>>,
  within = 0.05,
): void => {
  expect(Object.keys(shares)).to.have.members(Object.keys(expected));
  for (const [name, ratio] of Object.entries(expected))
    expect(shares[name], name).to.be.closeTo(ratio, within);
};

describe('the CPU shares of routes', () => {
  it('are those of the time that workers spend in them, over all workers', () => {
    const world = new World([
      new Worker([
        [1, 7.3],
        [0, 2.1],
        [undefined, 5],
      ]),
      new Worker([
        [2, 3.1],
        [3, 1.9],
        [undefined, 13],
      ]),
    ]);
    world.run(40);
    const busy = [9.4 / 14.4, 5 / 18];
    const total = busy[0]! + busy[1]!;
    close(world.shares(), {
      'GET /one': 7.3 / 14.4 / total,
      'GET /two': 3.1 / 18 / total,
      'POST /two': 1.9 / 18 / total,
      other: 2.1 / 14.4 / total,
    });
  });

  it('add up to 1, whatever the workers do and whenever they are read', () => {
    const phases = fc.array(
      fc.tuple(fc.constantFrom(1, 2, 3, 4, OTHER_ROUTES, 0, undefined), fc.integer({ min: 1, max: 400 })),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(phases, phases, fc.integer({ min: 1, max: 50 }), fc.nat(), (a, b, seconds, seed) => {
        const world = new World([new Worker(a), new Worker(b)], seed);
        world.run(seconds);
        const shares = world.sampler.shares();
        if (shares.length === 0) return;
        const sum = shares.reduce((total, { ratio }) => total + ratio, 0);
        expect(sum).to.be.closeTo(1, 1e-9);
        for (const { ratio } of shares) expect(ratio).to.be.within(0, 1);
        expect(shares.map(({ ratio }) => ratio)).to.deep.equal(
          shares.map(({ ratio }) => ratio).sort((x, y) => y - x),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('keep a route that runs in step with the samples from looking larger or smaller', () => {
    // Without chance in the pace, a period of 25 ms would be sampled at the same phase each time.
    const world = new World([
      new Worker([
        [1, 5],
        [0, 20],
      ]),
    ]);
    world.run(40);
    expect(world.shares()['GET /one']).to.be.closeTo(0.2, 0.05);
  });

  it('are nearly as exact where a wake-up of the primary is expensive', () => {
    const world = new World([
      new Worker([
        [1, 6.1],
        [0, 2.3],
        [2, 12.2],
        [undefined, 9.6],
      ]),
    ]);
    world.wakeUpUs = 1_000;
    world.run(40);
    close(world.shares(), { 'GET /one': 6.1 / 20.6, 'GET /two': 12.2 / 20.6, other: 2.3 / 20.6 }, 0.07);
  });

  it('forget what is older than 30 seconds, and are none when nothing has run since', () => {
    const world = new World([new Worker([[1, 10]])]);
    world.run(10);
    expect(world.shares()['GET /one']).to.be.closeTo(1, 0.05);
    world.workers = [new Worker([[2, 10]])];
    world.run(WINDOW_S + 1);
    expect(world.shares()).to.not.have.property('GET /one');
    world.now += (WINDOW_S + 1) * 1000;
    expect(world.shares()).to.deep.equal({});
  });

  it('show a worker that hangs in a route, though it reports nothing', () => {
    const hung = new Worker([[1, 10]]);
    hung.cpuUs = () => 0;
    const world = new World([hung]);
    world.inFlight = 1;
    world.run(20, false);
    expect(world.shares()).to.deep.equal({ 'GET /one': 1, other: 0 });
    // The loop runs again and reports the whole time at once.
    hung.cpuUs = () => 20_000_000;
    world.run(2, false);
    expect(world.shares().other).to.be.below(0.05);
  });

  it('are not changed by what a lost thread never reported, once another one has its slot', () => {
    const other = new Worker([[0, 10]]);
    const hung = new Worker([[1, 10]]);
    const world = new World([hung, other]);
    world.inFlight = 1;
    world.run(2, false);
    const reported = hung.cpuUs(world.now);
    hung.cpuUs = () => reported;
    world.run(18, false);
    const next = new Worker([[0, 10]]);
    // It loads its code before it reports anything.
    const begins = world.now + 300;
    next.cpuUs = (now) => reported + Math.round(Math.max(0, now - begins) * 1000);
    world.threads = [3, 2];
    world.workers = [next, other];
    world.run(5, false);
    // The route has run for 20 s, and other code for 20 s, then for 5 s in both workers.
    expect(world.shares()['GET /one']).to.be.closeTo(20 / 50, 0.03);
  });

  it('count routes without a number or a name of their own as other', () => {
    const world = new World([
      new Worker([
        [4, 3],
        [OTHER_ROUTES, 3],
        [77, 3],
      ]),
    ]);
    world.run(5);
    expect(world.shares()).to.deep.equal({ other: 1 });
  });

  it('need no more than a few rows between two looks, and have every name in the end', () => {
    const memory = new SeriesMemory();
    const names = new RouteNames();
    const routes = 10 * ROWS_PER_LOOK;
    const world = new World([1, 2].map((slot) => new Worker([[routes - slot, 3]])));
    for (const slot of [1, 2]) {
      const numbers = new RouteNumbers(new SeriesStore(memory.of(slot)));
      for (let n = 1; n < routes; n++) numbers.of({ method: 'GET', template: `/${n}` });
    }
    let rows = 0;
    let most = 0;
    world.nameOf = (slot, route, budget) => {
      const before = budget.rows;
      const name = names.of(memory.of(slot), route, budget);
      rows += before - budget.rows;
      return name;
    };
    world.looked = () => {
      most = Math.max(most, rows);
      rows = 0;
    };
    world.run(2 * WINDOW_S);
    expect(most).to.equal(ROWS_PER_LOOK);
    close(world.shares(), { [`GET /${routes - 1}`]: 0.5, [`GET /${routes - 2}`]: 0.5, other: 0 });
  });

  it('are not those of all routes while one runs whose name is not known', () => {
    for (const [route, areAll] of [
      [1, true],
      [4, true],
      [OTHER_ROUTES, false],
      [99, false],
    ] as const) {
      const world = new World([
        new Worker([
          [route, 5],
          [undefined, 5],
        ]),
      ]);
      world.run(10);
      expect(world.sampler.areAllRoutesNamed, `route ${route}`).to.equal(areAll);
    }
  });

  it('are at most 200 and other, the largest ones', () => {
    const names = Array.from({ length: 300 }, (_, index) => index + 1);
    const world = new World([new Worker(names.map((route): Phase => [route, 1 + route / 100]))]);
    world.names = new Map(names.map((number) => [number, { method: 'GET', template: `/${number}` }]));
    world.run(30);
    const shares = world.sampler.shares();
    expect(shares).to.have.length(MOST_SHARES + 1);
    expect(world.sampler.areAllRoutesNamed).to.equal(false);
    expect(shares.reduce((sum, { ratio }) => sum + ratio, 0)).to.be.closeTo(1, 1e-9);
  });

  it('survive a pause of the machine, and any age of the process', () => {
    for (const age of [0, 2 ** 31, 2 ** 32, 2 ** 40]) {
      const world = new World([
        new Worker([
          [1, 2],
          [undefined, 2],
        ]),
      ]);
      world.now = age;
      world.run(3);
      world.now += 86_400_000;
      world.run(3);
      const shares = world.shares();
      expect(shares['GET /one'], `age ${age}`).to.be.above(0.8);
    }
  });
});

describe('a pause of the process', () => {
  it('counts for no route, whichever runs at its end', () => {
    const world = new World([
      new Worker([
        [1, 10],
        [2, 990],
      ]),
    ]);
    world.run(5);
    world.now = Math.ceil(world.now / 1000) * 1000 + 60_000;
    world.run(2);
    expect(world.shares()['GET /two']).to.be.above(0.9);
  });
});

describe('the sampler of routes', () => {
  const busy = (): World => new World([new Worker([[1, 10]])]);
  /** Its workers use 1 % of a core. */
  const idle = (): World =>
    new World([
      new Worker([
        [0, 0.5],
        [undefined, 49.5],
      ]),
    ]);

  it('takes no sample while the workers are idle', () => {
    const world = idle();
    world.run(60, false);
    expect(world.sampler.samples).to.equal(0);
    expect(world.isSampling).to.equal(false);
  });

  it('begins with the first request, and ends some seconds after the last one', () => {
    const world = idle();
    world.run(1);
    expect(world.sampler.samples).to.be.above(10);
    world.run(6, false);
    expect(world.isSampling).to.equal(false);
    const { samples } = world.sampler;
    world.run(60, false);
    expect(world.sampler.samples).to.equal(samples);
  });

  it('sees what workers do without a request, such as messages of WebSockets', () => {
    const world = new World([
      new Worker([
        [1, 6],
        [0, 4],
        [undefined, 190],
      ]),
      ...idle().workers,
    ]);
    world.run(30, false);
    close(world.shares(), { 'GET /one': 0.5, other: 0.5 }, 0.15);
    world.workers = [...idle().workers, ...idle().workers];
    world.run(6, false);
    expect(world.isSampling).to.equal(false);
  });

  it('sees short requests that come seldom', () => {
    for (const gapMs of [600, 2_000, 4_000]) {
      let sum = 0;
      for (let seed = 1; seed <= 10; seed++) {
        const phases: Phase[] = [
          [1, 43],
          [0, 57],
          [undefined, gapMs - 100],
        ];
        const world = new World([new Worker(phases)], seed);
        world.gapMs = gapMs;
        world.run(40);
        sum += world.shares()['GET /one'] ?? 0;
      }
      expect(sum / 10, `${gapMs} ms`).to.be.closeTo(0.43, 0.08);
    }
  });

  it('goes on while a request is in flight that never ends', () => {
    const world = busy();
    world.inFlight = 1;
    world.run(10, false);
    expect(world.isSampling).to.equal(true);
  });

  it('ends with stop()', () => {
    const world = busy();
    world.run(1);
    world.sampler.stop();
    expect(world.isSampling).to.equal(false);
  });

  it('wakes the primary up as often as the budget allows, and takes samples by its other timers too', () => {
    for (const wakeUpUs of [10, 40, 400]) {
      const world = busy();
      world.wakeUpUs = wakeUpUs;
      world.run(3); // until the cost is known
      const { cpuUs, sampler } = world;
      const { samples } = sampler;
      world.run(20);
      expect((world.cpuUs - cpuUs) / 20e6, `${wakeUpUs} us each`).to.be.below(0.0018);
      expect((sampler.samples - samples) / 20, `${wakeUpUs} us each`).to.be.above(20);
    }
  });
});
