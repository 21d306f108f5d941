import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';
import { EjectionCells } from '#src/memory/ejection-cells.js';
import { ejectionRule } from '#src/resilience/ejection.js';
import type { Hammered, Hammering } from './ejection-hammer.js';

const THREADS = 4;

/** Services of one to seven instances each. */
function servicesOf(count: number): readonly (readonly number[])[] {
  let next = 0;
  return Array.from({ length: count }, (_, index) => Array.from({ length: 1 + (index % 7) }, () => next++));
}

async function hammer(
  block: Block,
  work: Pick<Hammering, 'services' | 'rounds' | 'baseMs'>,
): Promise<readonly Hammered[]> {
  const barrier = new SharedArrayBuffer((work.services.length + 1) * 4);
  return Promise.all(
    Array.from({ length: THREADS }, async (_, thread) => {
      const workerData: Hammering = { memory: block.buffer, threads: THREADS, thread, barrier, ...work };
      const worker = new Worker(new URL('./ejection-hammer.js', import.meta.url), { workerData });
      const [[seen]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
      return seen as Hammered;
    }),
  );
}

describe('ejection cells under four threads', () => {
  it('eject half of every service whose instances all fail at once, and no more, each once', async () => {
    const block = Block.create({ workers: THREADS });
    const services = servicesOf(70);
    const seen = await hammer(block, { services, rounds: 60, baseMs: 600_000 });
    const cells = new EjectionCells(block, ejectionRule(600_000), sharedClock(block));
    for (const slots of services) {
      const out = slots.filter((slot) => cells.isEjected(slot));
      expect(out).to.have.length(Math.floor(slots.length / 2));
      for (const slot of out) expect(cells.state(slot)).to.include({ times: 1 });
    }
    const ejectedSlots = seen.flatMap(({ ejected }) => ejected.map(({ slot }) => slot));
    expect(new Set(ejectedSlots).size).to.equal(ejectedSlots.length);
    expect(ejectedSlots).to.have.length(
      services.reduce((sum, slots) => sum + Math.floor(slots.length / 2), 0),
    );
    expect(seen.map(({ violations }) => violations)).to.deep.equal(Array(THREADS).fill(0));
  });

  it('never have too many ejected while instances come and go, and count every ejection once', async () => {
    const block = Block.create({ workers: THREADS });
    const services = servicesOf(14);
    const seen = await hammer(block, { services, rounds: 2_500, baseMs: 0.5 });
    expect(seen.map(({ violations }) => violations)).to.deep.equal(Array(THREADS).fill(0));
    expect(seen.reduce((sum, { looks }) => sum + looks, 0)).to.be.greaterThan(10_000);
    let ejections = 0;
    for (const slot of services.flat()) {
      const times = seen
        .flatMap(({ ejected }) => ejected.filter((each) => each.slot === slot).map((each) => each.times))
        .sort((a, b) => a - b);
      const returns = seen.flatMap(({ returned }) => returned.filter((each) => each === slot));
      const failures = seen.reduce((sum, each) => sum + each.failures[slot]!, 0);
      // The ejections are counted without gap or repetition, each longer than the one before.
      expect(times).to.deep.equal(times.map((_, index) => index + 1));
      expect(times.length - returns.length).to.be.within(0, 1);
      expect(times.length * 5).to.be.at.most(failures);
      ejections += times.length;
    }
    expect(ejections).to.be.greaterThan(100);
    for (const slot of services.filter(({ length }) => length === 1).flat()) {
      expect(seen.flatMap(({ ejected }) => ejected.filter((each) => each.slot === slot))).to.deep.equal([]);
    }
  });
});
