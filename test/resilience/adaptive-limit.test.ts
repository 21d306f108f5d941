// The limit against a model of a service: so many slots, so long an answer, a queue in front. All in simulated time.
import { expect } from 'chai';
import {
  adaptLimit,
  firstLimit,
  LEAST_LIMIT,
  LEAST_USUAL_MS,
  type LimitState,
  UsualLatency,
} from '#src/resilience/adaptive-limit.js';
import { quantile } from '#test/support/quantile.js';

const STEP_MS = 0.25;
const WINDOW_MS = 50;
const MOST = 10_000;

interface Phase {
  readonly perSecond: number;
  readonly ms: number;
  /** How long an answer takes, if it does not wait. */
  readonly serviceMs: number;
}

interface Outcome {
  readonly answersPerSecond: number;
  readonly latencies: readonly number[];
  readonly offered: number;
  readonly shed: number;
  readonly state: LimitState;
}

class Service {
  readonly #slots: number;
  readonly #usual = new UsualLatency();
  #state = firstLimit(MOST);
  #now = 0;
  #due = 0;
  #running: { readonly at: number; readonly done: number }[] = [];
  #queue: number[] = [];
  #window = { since: 0, answers: 0, ratios: 0, usualMs: 0 };

  constructor(slots: number) {
    this.#slots = slots;
  }

  run({ perSecond, ms, serviceMs }: Phase): Outcome {
    const latencies: number[] = [];
    let [offered, shed] = [0, 0];
    for (const end = this.#now + ms; this.#now < end; this.#now += STEP_MS) {
      this.#finish(latencies);
      this.#due += (perSecond * STEP_MS) / 1000;
      for (; this.#due >= 1; this.#due--) {
        offered++;
        if (this.#inFlight < this.#state.limit) this.#queue.push(this.#now);
        else shed++;
      }
      while (this.#queue.length > 0 && this.#running.length < this.#slots) {
        this.#running.push({ at: this.#queue.shift()!, done: this.#now + serviceMs });
      }
      this.#conclude();
    }
    const answersPerSecond = latencies.length / (ms / 1000);
    return {
      answersPerSecond,
      latencies,
      offered,
      shed,
      state: this.#state,
    };
  }

  get #inFlight(): number {
    return this.#running.length + this.#queue.length;
  }

  #finish(latencies: number[]): void {
    this.#running = this.#running.filter(({ at, done }) => {
      if (done > this.#now) return true;
      const latency = this.#now - at;
      const usualMs = Math.max(LEAST_USUAL_MS, this.#usual.learn(latency, this.#state));
      latencies.push(latency);
      this.#window.answers++;
      this.#window.ratios += latency / usualMs;
      this.#window.usualMs += usualMs;
      return false;
    });
  }

  #conclude(): void {
    const { since, answers, ratios, usualMs } = this.#window;
    const elapsedMs = this.#now - since;
    if (elapsedMs < WINDOW_MS || answers < 48) return;
    const sums = { answers, ratio: ratios / answers, usualMs: usualMs / answers };
    const window = { ...sums, elapsedMs, inFlight: this.#inFlight, nowMs: this.#now };
    this.#state = adaptLimit(this.#state, window, MOST);
    this.#window = { since: this.#now, answers: 0, ratios: 0, usualMs: 0 };
  }
}

/** 64 at once, 20 ms each: 3,200 a second. */
const CAPACITY = 3_200;
const normal = { perSecond: 1_000, ms: 5_000, serviceMs: 20 };

describe('adaptive limit', () => {
  it('refuses nobody while answers take as long as usual, at the very peak neither', () => {
    const service = new Service(64);
    for (const perSecond of [100, 1_000, 0.98 * CAPACITY]) {
      expect(service.run({ ...normal, perSecond })).to.include({ shed: 0 });
    }
  });

  for (const warm of [true, false]) {
    it(`keeps goodput and latency under ten times the load, ${warm ? 'after a calm time' : 'from a cold start'}`, () => {
      const service = new Service(64);
      if (warm) service.run(normal);
      const overload = { ...normal, perSecond: 10 * CAPACITY };
      // What came in before anything could be known is answered within a second.
      const start = service.run({ ...overload, ms: 1_000 });
      expect(start.answersPerSecond).to.be.above(0.8 * CAPACITY);
      for (let minute = 0; minute < 3; minute++) {
        const { latencies, answersPerSecond, state } = service.run({ ...overload, ms: 10_000 });
        expect(quantile(latencies, 0.99)).to.be.below(5 * 20);
        expect(answersPerSecond).to.be.above(0.9 * CAPACITY);
        expect(state.limiting).to.equal(true);
      }
      const after = service.run({ ...normal, ms: 10_000 });
      expect(after.state).to.include({ limiting: false });
      expect(quantile(after.latencies, 0.9)).to.be.below(25);
      expect(service.run(normal).shed).to.equal(0);
    });
  }

  it('does not throttle for long what has become slow for another reason', () => {
    for (const serviceMs of [60, 150, 400]) {
      const service = new Service(100_000);
      service.run({ perSecond: 2_000, ms: 5_000, serviceMs: 10 });
      service.run({ perSecond: 2_000, ms: 8_000, serviceMs });
      const later = service.run({ perSecond: 2_000, ms: 5_000, serviceMs });
      expect(later.shed, `${serviceMs} ms`).to.be.below(0.05 * later.offered);
    }
  });

  it('lets in a thousand at once that nobody expected', () => {
    const service = new Service(100_000);
    const { shed } = service.run({ perSecond: 50_000, ms: 20, serviceMs: 200 });
    expect(shed).to.equal(0);
    service.run({ perSecond: 0, ms: 500, serviceMs: 200 });
    expect(service.run({ perSecond: 50_000, ms: 20, serviceMs: 200 }).shed).to.equal(0);
  });

  it('grows to the hard limit with a load that is answered as usual', () => {
    const service = new Service(100_000);
    let state: LimitState | undefined;
    // Ten seconds each: ten for every one per second.
    for (let perSecond = 50; perSecond <= 900; perSecond += 50) {
      ({ state } = service.run({ perSecond, ms: 3_000, serviceMs: 10_000 }));
    }
    expect(state?.limit).to.be.above(9_000);
  });

  it('is never less than what no overload can be made of, nor more than the hard limit', () => {
    const service = new Service(1);
    service.run({ perSecond: 40, ms: 5_000, serviceMs: 20 });
    const { state, answersPerSecond } = service.run({ perSecond: 1_000, ms: 20_000, serviceMs: 20 });
    expect(answersPerSecond).to.be.above(0.9 * 50);
    // Less for moments only, to learn what is usual.
    expect(state.limit).to.be.at.most(1.2 * LEAST_LIMIT);
    expect(firstLimit(50).limit).to.equal(50);
    const window = { elapsedMs: 50, answers: 500, ratio: 1, usualMs: 20, inFlight: 50, nowMs: 1_000 };
    expect(adaptLimit(firstLimit(50), window, 50).limit).to.equal(50);
  });
});

describe('the usual latency of a route', () => {
  const OPEN = { limiting: false, learning: 'usual' } as const;
  const taught = (answers: number, ms: (n: number) => number, usual = new UsualLatency()): UsualLatency => {
    for (let n = 0; n < answers; n++) usual.learn(ms(n), OPEN);
    return usual;
  };

  it('is a mean, whatever the answers of the route differ by', () => {
    const { ms } = taught(20_000, (n) => (n % 10 < 3 ? 200 : 20));
    expect(ms).to.be.within(0.9 * 74, 1.1 * 74);
  });

  it('does not rise by much while answers wait for a few seconds, and falls at once', () => {
    const calm = taught(1_000, () => 20);
    expect(taught(2_400, () => 50, calm).ms).to.be.below(28);
    const waiting = taught(1_000, () => 50);
    expect(taught(1_000, () => 20, waiting).ms).to.be.below(22);
  });
});
