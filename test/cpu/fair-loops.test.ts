// Clients that send their next task when they have the result of the last one, beside a flood of another
// service, in simulated time.
import { expect } from 'chai';
import { type Entry, FairQueue } from '#src/cpu/fair-queue.js';
import type { Priority } from '#src/cpu/service-line.js';

interface Item extends Entry<Item> {
  readonly durationMs: number;
  /** The client waits for so long before it sends the next one. */
  readonly loop: Loop;
}

interface Loop {
  readonly service: string;
  readonly clients: number;
  /** The durations of the entries, in turn. */
  readonly durations: readonly number[];
  readonly thinkMs: number;
}

/** @returns the number of entries of each service that have ended */
function simulate(threads: number, loops: readonly Loop[], forMs: number): Record<string, number> {
  let now = 0;
  const queue = new FairQueue<Item>(64 * threads, () => now);
  const running = new Set<{ readonly entry: Item; readonly endsAt: number }>();
  const waiting: { loop: Loop; at: number }[] = loops.flatMap((loop) =>
    Array.from({ length: loop.clients }, () => ({ loop, at: 0 })),
  );
  const ended = Object.fromEntries(loops.map(({ service }) => [service, 0]));
  const sent = new Map<Loop, number>();
  const lastOf = (): number | undefined =>
    threads > 1 && running.size === threads - 1 ? threads : undefined;
  const send = (loop: Loop): void => {
    const count = sent.get(loop) ?? 0;
    sent.set(loop, count + 1);
    const durationMs = loop.durations[count % loop.durations.length]!;
    const priority: Priority = 'normal';
    const entry: Item = { service: loop.service, caller: 'c', priority, durationMs, loop };
    const last = lastOf();
    const mayBegin = running.size < threads && (last === undefined || !queue.leavesLast(loop.service, last));
    if (!mayBegin) {
      queue.add(entry);
      return;
    }
    queue.begin(entry);
    running.add({ entry, endsAt: now + durationMs });
  };
  for (; now < forMs; now++) {
    for (const run of running) {
      if (run.endsAt > now) continue;
      running.delete(run);
      queue.end(run.entry, run.entry.durationMs);
      ended[run.entry.service]! += 1;
      waiting.push({ loop: run.entry.loop, at: now + run.entry.loop.thinkMs });
    }
    // As in the pool, entries that wait come before those that arrive.
    while (running.size < threads) {
      const entry = queue.next(lastOf());
      if (entry === undefined) break;
      running.add({ entry, endsAt: now + entry.durationMs });
    }
    for (const one of waiting.splice(0)) {
      if (one.at > now) waiting.push(one);
      else send(one.loop);
    }
  }
  return ended;
}

const FLOODS: Readonly<Record<string, readonly number[]>> = {
  '50 ms': [50],
  '100 ms': [100],
  '200 ms': [200],
  '400 ms': [400],
  '3 s': [3_000],
  '10 ms, and one in ten of 3 s': [...Array<number>(9).fill(10), 3_000],
  '2 ms, and one in 1,000 of 3 s': [...Array<number>(999).fill(2), 3_000],
};
const FOR_MS = 120_000;

describe('one client beside a flood of another service on several threads', () => {
  for (const threads of [2, 4]) {
    for (const [name, durations] of Object.entries(FLOODS)) {
      it(`keeps 90 % of its goodput: tasks of ${name} on ${threads} threads`, () => {
        const one = { service: 'one', clients: 1, durations: [20], thinkMs: 20 };
        const flood = { service: 'flood', clients: 20, durations, thinkMs: 0 };
        const alone = simulate(threads, [one], FOR_MS).one!;
        const beside = simulate(threads, [one, flood], FOR_MS);
        expect(beside.one).to.be.at.least(0.9 * alone);
        // The flood keeps the other threads.
        const mean = durations.reduce((sum, ms) => sum + ms, 0) / durations.length;
        expect(beside.flood! * mean).to.be.at.least(0.9 * (threads - 1) * FOR_MS);
      });
    }
  }

  for (const [threads, floods] of [
    [4, 2],
    [6, 3],
    [8, 4],
    [3, 2],
  ] as const) {
    it(`keeps it beside ${floods} floods of long tasks on ${threads} threads`, () => {
      const one = { service: 'one', clients: 1, durations: [5], thinkMs: 50 };
      const others = Array.from({ length: floods }, (_, n) => ({
        service: `flood ${n}`,
        clients: 20,
        durations: [300],
        thinkMs: 0,
      }));
      const alone = simulate(threads, [one], FOR_MS).one!;
      expect(simulate(threads, [one, ...others], FOR_MS).one).to.be.at.least(0.9 * alone);
    });
  }

  it('waits for no more than one of the short tasks', () => {
    const one = { service: 'one', clients: 1, durations: [20], thinkMs: 20 };
    const flood = { service: 'flood', clients: 20, durations: [20], thinkMs: 0 };
    const { one: ended, flood: others } = simulate(2, [one, flood], FOR_MS);
    expect(ended).to.be.at.least(FOR_MS / (20 + 20 + 20));
    // The threads are never idle.
    expect(ended! * 20 + others! * 20).to.be.at.least(1.98 * FOR_MS);
  });
});
