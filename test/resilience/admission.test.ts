import { expect } from 'chai';
import { Admission, type AdmissionGate, type RouteCells } from '#src/resilience/admission.js';
import { TUNING } from '#src/resilience/overload-tuning.js';
import { fill, flood, setUp, teach } from './admission-world.js';
import { ManualLoop } from './manual-loop.js';

const DAY_MS = 24 * 60 * 60 * 1_000;

describe('admission control', () => {
  it('rejects no request while handlers only wait, however many and however long', () => {
    const world = setUp();
    const { loop, admission, refused } = world;
    const gate = admission.gate('normal', 'sleepy');
    teach(world, gate, 0.1);
    for (let n = 0; n < 100; n++) {
      loop.sleep(20);
      admission.beat();
      for (let request = 0; request < 80; request++) {
        expect(gate.enter()).to.be.above(80 * n);
        loop.work(0.1);
      }
    }
    loop.sleep(20_000);
    expect(fill(gate, 1_000)).to.equal(1_000);
    expect(refused).to.deep.equal([]);
  });

  it('limits a flood within its first window when the cost of a request is known', () => {
    const world = setUp();
    const gate = world.admission.gate('normal', 'heavy');
    teach(world, gate, 5);
    const admitted = fill(gate);
    expect(admitted).to.be.within((0.8 * TUNING.burstMs) / 5, (1.2 * TUNING.burstMs) / 5);
    expect(world.refused).to.deep.equal(['queue']);
  });

  it('limits a flood by the length of its turn when the cost of a request is not known', () => {
    const { loop, admission, refused } = setUp();
    const gate = admission.gate('normal', 'unknown');
    loop.sleep(10);
    let admitted = 0;
    while (gate.enter() > 0) {
      admitted++;
      loop.work(5);
    }
    // The clock is not read for each of the first requests.
    expect(admitted).to.be.within((0.55 * TUNING.burstMs) / 5, TUNING.burstMs / 5);
    expect(refused).to.deep.equal(['queue']);
  });

  it('does not reject the requests behind one slow handler, or behind a pause', () => {
    const world = setUp();
    const { loop, admission, refused } = world;
    const gate = admission.gate('normal', 'cheap');
    teach(world, gate, 0.2);
    for (let n = 0; n < 20; n++) {
      for (let request = 0; request < 100; request++) {
        if (request === 50) loop.work(300);
        gate.enter();
        loop.work(0.2);
      }
      loop.turn();
      // The requests that arrived in the meantime.
      for (let request = 0; request < 600; request++) {
        gate.enter();
        loop.work(0.2);
      }
      loop.turn();
      for (let request = 0; request < 700; request++) gate.leave();
      loop.sleep(500);
      admission.beat();
    }
    expect(refused).to.deep.equal([]);
  });

  it('does not reject a few concurrent requests, whatever their route is expected to cost', () => {
    const world = setUp();
    world.cells.routeOf('cheap').publishCosts(5, 10);
    const [one, other] = ['cheap', 'cheap'].map((name) => world.admission.gate('normal', name)) as [
      AdmissionGate,
      AdmissionGate,
    ];
    for (let turn = 0; turn < 500; turn++) {
      for (let n = 0; n < 6; n++) {
        expect(one.enter()).to.equal(1);
        world.loop.work(0.05);
        one.leave(true);
        expect(other.enter()).to.be.above(0);
      }
      world.loop.turn();
      for (let n = 0; n < 6; n++) other.leave();
      if (turn % 100 === 0) world.admission.beat();
    }
    expect(world.refused).to.deep.equal([]);
  });

  it('measures a handler that does not wait by its time, not by its expected cost', () => {
    const world = setUp();
    world.cells.routeOf('cheap').publishCosts(5, 0);
    const gate = world.admission.gate('normal', 'cheap');
    world.loop.sleep(10);
    for (let n = 0; n < 1_000; n++) {
      expect(gate.enter()).to.equal(1);
      world.loop.work(0.02);
      gate.leave(true);
    }
    expect(world.refused).to.deep.equal([]);
  });

  for (const priority of ['normal', 'background'] as const) {
    it(`keeps turns short and the thread busy during a flood, and publishes that it sheds: ${priority}`, () => {
      const world = setUp();
      const gate = world.admission.gate(priority, 'heavy');
      teach(world, gate, 5);
      flood(world, gate, 5, 20, 200);
      const before = world.loop.now();
      const admitted = flood(world, gate, 5, 100, 200);
      const elapsedMs = world.loop.now() - before;
      expect((admitted * 5) / elapsedMs).to.be.above(0.95);
      expect(elapsedMs / 100).to.be.within(10, 1.3 * TUNING.targetTurnMs);
      expect(world.state()).to.include({ isShedding: true });
      expect(new Set(world.refused)).to.have.keys(priority === 'normal' ? 'queue' : 'background');
    });
  }

  for (const startsAt of [0, 2 ** 31, 2 ** 32, 50 * DAY_MS]) {
    it(`admits everything again within 2 s of the end of an overload, with a clock that starts at ${startsAt} ms`, () => {
      const world = setUp({ startsAt });
      const { loop, admission, refused } = world;
      const gate = admission.gate('normal', 'heavy');
      teach(world, gate, 5);
      flood(world, gate, 5, 40, 200);
      expect(refused.length).to.be.above(1_000);
      for (let ms = 0; ms < 2_000; ms += 50) {
        loop.sleep(50);
        admission.beat();
      }
      expect(world.state()).to.include({ isShedding: false, boundMs: TUNING.burstMs, holdMs: 0 });
      refused.length = 0;
      expect(fill(gate, 20)).to.equal(20);
    });
  }

  it('works after any time without a request as at the beginning', () => {
    const world = setUp();
    const { loop, admission, refused } = world;
    const gate = admission.gate('normal', 'route');
    teach(world, gate, 5);
    for (const ageMs of [0, 2 ** 31, 2 ** 32, 50 * DAY_MS]) {
      flood(world, gate, 5, 10, 200);
      loop.sleep(ageMs + 2_000);
      admission.beat();
      loop.sleep(50);
      refused.length = 0;
      expect(fill(gate, 20), `${ageMs} ms`).to.equal(20);
      for (let n = 0; n < 20; n++) gate.leave();
      expect(refused).to.deep.equal([]);
    }
  });

  it('rejects background requests at half of the bound, and critical ones only at MAX_IN_FLIGHT', () => {
    const world = setUp({ most: 1_000 });
    const [normal, background, critical] = (['normal', 'background', 'critical'] as const).map((priority) =>
      world.admission.gate(priority, priority),
    ) as [AdmissionGate, AdmissionGate, AdmissionGate];
    for (const gate of [normal, background, critical]) teach(world, gate, 5);
    const mostInBackground = fill(background);
    expect(mostInBackground).to.be.within((0.4 * TUNING.burstMs) / 5, (0.6 * TUNING.burstMs) / 5);
    expect(fill(normal)).to.be.above(0.3 * mostInBackground);
    expect(fill(critical)).to.be.above(900);
    expect([...new Set(world.refused)]).to.deep.equal(['background', 'queue', 'max_in_flight']);
  });

  for (const [name, isSynchronous] of [
    ['waits', false],
    ['does not wait', true],
  ] as const) {
    it(`leaves room for a cheap route during a flood of an expensive one that ${name}`, () => {
      const world = setUp();
      const [cheap, heavy] = ['cheap', 'heavy'].map((route) => world.admission.gate('normal', route)) as [
        AdmissionGate,
        AdmissionGate,
      ];
      teach(world, cheap, 0.2);
      teach(world, heavy, 5);
      let asked = 0;
      let admitted = 0;
      for (let turn = 0; turn < 400; turn++) {
        const inside: AdmissionGate[] = [];
        for (let n = 0; n < 100; n++) {
          const gate = n % 10 === 9 ? cheap : heavy;
          const isIn = gate.enter() > 0;
          if (gate === cheap && turn > 50) asked++;
          if (gate === cheap && turn > 50 && isIn) admitted++;
          if (!isIn) continue;
          if (isSynchronous && gate === heavy) {
            world.loop.work(5);
            gate.leave(true);
          } else inside.push(gate);
        }
        for (const gate of inside) world.loop.work(gate === cheap ? 0.2 : 5);
        for (const gate of inside) gate.leave();
        world.loop.turn();
        world.admission.beat();
      }
      expect(world.state().isShedding).to.equal(true);
      expect(admitted / asked).to.be.above(0.95);
    });
  }

  it('rejects no request of a flood when requests cost hardly more than a rejection', () => {
    const world = setUp();
    const gate = world.admission.gate('normal', 'cheap');
    teach(world, gate, 0.02, 400);
    expect(flood(world, gate, 0.02, 20, 8_000)).to.equal(20 * 8_000);
    expect(world.refused).to.deep.equal([]);
  });

  it('derives the cost of unknown routes from measurements, not from earlier expectations', () => {
    const world = setUp();
    const { loop, admission } = world;
    const gates = (name: string, count: number): AdmissionGate[] =>
      Array.from({ length: count }, (_, n) => admission.gate('normal', `${name} ${n}`));
    const idle = (ms: number): void => {
      for (let passed = 0; passed < ms; passed += 50) {
        loop.sleep(50);
        admission.beat();
      }
    };
    const heavy = gates('heavy', 12);
    for (const gate of Array.from({ length: 3 }, () => heavy).flat()) {
      gate.enter();
      loop.work(150);
      gate.leave();
      idle(400);
    }
    const cheap = gates('cheap', 300);
    const refused: number[] = [];
    for (let burst = 0; burst < 100; burst++) {
      idle(200);
      const asked = Array.from({ length: 20 }, (_, n) => cheap[(burst * 20 + n) % cheap.length]!);
      const admitted = asked.filter((gate) => gate.enter() > 0);
      loop.work(admitted.length * 0.05);
      loop.sleep(10);
      admission.beat();
      for (const gate of admitted) gate.leave();
      refused.push(asked.length - admitted.length);
    }
    // One second after the last costly request.
    expect(refused.slice(5)).to.deep.equal(Array(95).fill(0));
  });

  it('visits only routes that were used at the end of a window', () => {
    const loop = new ManualLoop(1_000);
    const seen = new Set<string>();
    const routeOf = (name: string): RouteCells => ({
      enter: () => 0,
      leave() {},
      get inFlight() {
        seen.add(name);
        return 0;
      },
      uses: 0,
      used() {},
      enteringMs: 1,
      leavingMs: 1,
      publishCosts: () => void seen.add(name),
    });
    const cells = { inFlight: 1, routeOf, publish() {} };
    const admission = new Admission({ cells, onRefused() {}, most: 1_000, isAdaptive: true, loop });
    const [, used] = ['idle', 'used', 'idle too'].map((name) => admission.gate('normal', name));
    used!.enter();
    for (let n = 0; n < 3; n++) {
      loop.sleep(50);
      admission.beat();
    }
    expect([...seen]).to.deep.equal(['used']);
  });

  it('delays rejections only while they take much of the time of the thread', () => {
    const world = setUp();
    const { loop, admission } = world;
    const gate = admission.gate('normal', 'heavy');
    teach(world, gate, 5);
    flood(world, gate, 5, 50, 60);
    expect(gate.holdMs, 'few refusals').to.equal(0);
    for (let turn = 0; turn < 50; turn++) {
      fill(gate);
      for (let n = 0; n < 2_000; n++) gate.enter();
      loop.work(2_000 * 0.015 + 5);
      loop.turn();
      admission.beat();
    }
    expect(gate.holdMs, 'many').to.equal(TUNING.mostHoldMs);
  });
});
