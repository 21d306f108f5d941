import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { numberedId } from '#src/memory/flight-id.js';
import {
  clearFlights,
  type Flight,
  FlightReader,
  FlightRecorder,
  readFlights,
} from '#src/memory/flight-recorder.js';
import { FLIGHTS } from '#src/memory/layout.js';
import { OTHER_ROUTES } from '#src/memory/route-names.js';
import { RequestIds } from '#src/telemetry/request-ids.js';
import { isWhole, shapeOf } from './flight-shape.js';
import type { WriterOrder } from './flight-writer-thread.js';

const SLOT = 1;
const FIRST = 1;

const setUp = () => {
  const block = Block.create({ workers: 2 });
  return { block, recorder: new FlightRecorder(block, SLOT) };
};
const isInFlight = ({ ended }: Flight): boolean => ended === undefined;

describe('the flight recorder', () => {
  it('shows a request from its begin, and how it ended', () => {
    const { block, recorder } = setUp();
    expect(readFlights(block, SLOT, 1_000)).to.deep.equal([]);
    const flight = recorder.begin(7, 900.7, 'own-1');
    expect(readFlights(block, SLOT, 1_000)).to.deep.equal([
      { route: 7, requestId: 'own-1', ageMs: 100, ended: undefined },
    ]);
    recorder.end(flight, 503, 1234.9);
    expect(readFlights(block, SLOT, 1_000)).to.deep.equal([
      { route: 7, requestId: 'own-1', ageMs: 100, ended: { status: 503, microseconds: 1234 } },
    ]);
    expect(readFlights(block, SLOT + 1, 1_000), 'of another worker').to.deep.equal([]);
  });

  it('takes no record for a beginning that is cut off by a full stack', () => {
    const { block, recorder } = setUp();
    const cutOff = {
      get length(): number {
        throw new RangeError('Maximum call stack size exceeded');
      },
      charCodeAt(): number {
        throw new RangeError('Maximum call stack size exceeded');
      },
    } as unknown as string;
    for (let n = 0; n < FLIGHTS; n++) {
      expect(() => recorder.begin(FIRST, 0, cutOff)).to.throw(RangeError);
    }
    const begun = Array.from({ length: FLIGHTS }, () => recorder.begin(FIRST, 0, 'an-id'));
    expect(readFlights(block, SLOT, 0).filter(isInFlight)).to.have.length(FLIGHTS);
    for (const flight of begun) recorder.end(flight, 200, 1);
    expect(readFlights(block, SLOT, 0).filter(isInFlight)).to.deep.equal([]);
  });

  it('records the first and the last route, also after the 32-bit clock has wrapped', () => {
    const { block, recorder } = setUp();
    recorder.begin(FIRST, 2 ** 31 - 10);
    recorder.begin(OTHER_ROUTES, 2 ** 31 + 5);
    expect(readFlights(block, SLOT, 2 ** 31 + 10).map(({ route, ageMs }) => [route, ageMs])).to.deep.equal([
      [OTHER_ROUTES, 5],
      [FIRST, 20],
    ]);
  });

  describe('shows requests in order with their ages, however old they and the process are', () => {
    const [MONTHS, DAY_MS, ID] = [2 ** 31, 86_400_000, { number: 2 ** 52 + 7, text: 'of-a-client' }] as const;
    const around = (ms: number) => [ms - 1_001, ms - 1, ms, ms + 1, ms + 1_001];
    const critical = [1, 2, 3, 4].flatMap((n) => around(n * MONTHS));
    const AGES = [0, 1, 1_000, 30 * DAY_MS, ...critical, 4_000 * DAY_MS];

    const expectAges = (begins: readonly number[], now: number): void => {
      const { block, recorder } = setUp();
      for (const [n, at] of begins.entries()) {
        const number = n % 2 === 0 ? ID.number : 0;
        const flight = recorder.begin(FIRST, at, number === 0 ? ID.text : '', number);
        if (n % 3 === 0) recorder.end(flight, 200, 1);
      }
      const seen = readFlights(block, SLOT, now);
      const ages = (ofEnded: boolean) =>
        begins
          .filter((_, n) => (n % 3 === 0) === ofEnded)
          .map((at) => Math.floor(now) - Math.floor(at))
          .sort((a, b) => a - b);
      expect(seen.map(({ ageMs }) => ageMs)).to.deep.equal([...ages(false), ...ages(true)]);
      const ids = new Set(seen.map(({ requestId }) => requestId));
      expect([...ids].every((id) => id === ID.text || id === numberedId('', ID.number))).to.equal(true);
      const visited: number[] = [];
      const least = 2 ** 32 - 5;
      new FlightReader(block, SLOT).visit(now, least, (_index, _head, _at, ageMs) => visited.push(ageMs));
      expect(visited.sort((a, b) => a - b)).to.deep.equal(ages(false).filter((age) => age >= least));
    };

    for (const age of AGES) {
      it(`of a process that is ${(age / DAY_MS).toFixed(5)} days old, in a record that does not turn over`, () => {
        const begins = [...new Set(AGES.filter((at) => at <= age)), age + 0.25];
        for (const later of [0, 1, 999, ...critical]) expectAges(begins, age + 0.5 + later);
      });
    }

    it('at any time', () => {
      const times = fc.oneof(fc.nat(4_000 * DAY_MS), fc.constantFrom(...AGES));
      fc.assert(
        fc.property(fc.array(times, { minLength: 1, maxLength: FLIGHTS }), times, (begins, later) =>
          expectAges(begins, Math.max(...begins) + later),
        ),
        { numRuns: 200 },
      );
    });
  });

  it('holds an id of any length up to 64 characters, also where a longer one was', () => {
    const { block, recorder } = setUp();
    const ids = Array.from({ length: 65 }, (_, length) =>
      'AZaz09._-'.repeat(8).slice(length % 5, (length % 5) + length),
    );
    for (const id of [...ids, ...ids.toReversed()]) {
      // Every record is used twice for each id, so that both of its texts are.
      for (let use = 0; use < 2 * FLIGHTS; use++) recorder.end(recorder.begin(FIRST, 0, id), 200, 1);
      const seen = new Set(readFlights(block, SLOT, 0).map(({ requestId }) => requestId));
      expect([...seen]).to.deep.equal([id === '' ? undefined : id]);
    }
    recorder.begin(FIRST, 0, `${'x'.repeat(64)}beyond`);
    expect(readFlights(block, SLOT, 0).filter(isInFlight)).to.deep.equal([
      { route: FIRST, requestId: 'x'.repeat(64), ageMs: 0, ended: undefined },
    ]);
  });

  it('holds an id that the thread has made as its number', () => {
    const block = Block.create({ workers: 2 });
    const ids = new RequestIds('0123456789ab-');
    const recorder = new FlightRecorder(block, SLOT, ids.prefix);
    for (let n = 0; n < 5_000; n++) {
      const id = ids.accept(undefined);
      recorder.end(recorder.begin(FIRST, n, 'unused', ids.numberOf(id)), 200, 1);
      expect(readFlights(block, SLOT, n)[0]?.requestId).to.equal(id);
    }
    recorder.begin(FIRST, 5_000, 'of-a-client', ids.numberOf(ids.accept('of-a-client')));
    recorder.begin(FIRST, 5_001, '', 2 ** 45 + 1);
    const seen = readFlights(block, SLOT, 5_001)
      .filter(isInFlight)
      .map(({ requestId }) => requestId);
    expect(seen).to.deep.equal([`0123456789ab-1${'0'.repeat(9)}`, 'of-a-client']);
  });

  it('holds a duration of an hour', () => {
    const { block, recorder } = setUp();
    recorder.end(recorder.begin(FIRST, 0), 200, 3_600e6);
    expect(readFlights(block, SLOT, 0)[0]?.ended?.microseconds).to.equal(2 ** 31 - 1);
  });

  it('lists all requests in flight and the last ended ones, each newest first, whatever the order of their ends', () => {
    // A step: false begins a request; a number ends the request in flight with this index.
    const orders = fc.array(fc.oneof(fc.constant(false as const), fc.nat(FLIGHTS)), {
      minLength: 1,
      maxLength: 600,
    });
    fc.assert(
      fc.property(orders, (list) => {
        const { block, recorder } = setUp();
        const inFlight: { n: number; flight: number }[] = [];
        let ended: number[] = [];
        let n = 0;
        for (const order of list) {
          if (order !== false && inFlight.length > 0) {
            const [one] = inFlight.splice(order % inFlight.length, 1);
            recorder.end(one!.flight, shapeOf(one!.n).status, shapeOf(one!.n).microseconds);
            ended.push(one!.n);
          } else if (inFlight.length < FLIGHTS) {
            // The oldest ended request makes room.
            ended = ended.slice(Math.max(0, inFlight.length + ended.length + 1 - FLIGHTS));
            n++;
            inFlight.push({ n, flight: recorder.begin(shapeOf(n).route, n, shapeOf(n).id) });
          }
        }
        const seen = readFlights(block, SLOT, n);
        expect(seen.filter((one) => !isWhole(one, n))).to.deep.equal([]);
        const newest = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => b - a);
        expect(seen.filter(isInFlight).map(({ ageMs }) => n - ageMs)).to.deep.equal(
          newest(inFlight.map((one) => one.n)),
        );
        expect(seen.slice(inFlight.length).map(({ ageMs }) => n - ageMs)).to.deep.equal(newest(ended));
      }),
      { numRuns: 200 },
    );
  });

  it('keeps the records of old requests when more are in flight, and shows the one that began last', () => {
    const { block, recorder } = setUp();
    const flights = Array.from({ length: FLIGHTS + 50 }, (_, n) => recorder.begin(FIRST, n));
    const now = flights.length;
    const inFlight = () => {
      const seen = readFlights(block, SLOT, now).filter(isInFlight);
      return seen.map(({ ageMs }) => now - ageMs).sort((a, b) => a - b);
    };
    const old = Array.from({ length: FLIGHTS - 1 }, (_, n) => n);
    expect(inFlight()).to.deep.equal([...old, now - 1]);
    for (const flight of flights.slice(FLIGHTS - 1, -1)) recorder.end(flight, 200, 1);
    expect(inFlight(), 'after the end of those without a record').to.deep.equal([...old, now - 1]);
    recorder.end(flights[5]!, 200, 1);
    recorder.end(flights[5]!, 200, 1);
    const next = recorder.begin(FIRST, now);
    const rest = old.filter((n) => n !== 5);
    expect(inFlight(), 'when a record is free').to.deep.equal([...rest, now - 1, now]);
    for (const flight of [...flights, next]) recorder.end(flight, 200, 1);
    expect(inFlight()).to.deep.equal([]);
  });

  it('takes no end of a request for the one of another, however many have had its record', () => {
    const { block, recorder } = setUp();
    for (let n = 1; n < FLIGHTS; n++) recorder.begin(FIRST, 0);
    const without = Array.from({ length: 5_000 }, () => recorder.begin(FIRST, 1));
    recorder.begin(FIRST, 2);
    for (const flight of without) recorder.end(flight, 200, 1);
    const seen = readFlights(block, SLOT, 2).filter(isInFlight);
    expect(seen.map(({ ageMs }) => ageMs)).to.deep.equal([
      0,
      ...Array.from({ length: FLIGHTS - 1 }, () => 2),
    ]);
  });

  it('visits each request that has been in flight for long enough, until it ends', () => {
    const { block, recorder } = setUp();
    const reader = new FlightReader(block, SLOT);
    const visited = (now: number, leastMs: number) => {
      const found: { index: number; head: number; startedAt: number; ageMs: number }[] = [];
      reader.visit(now, leastMs, (index, head, startedAt, ageMs) =>
        found.push({ index, head, startedAt, ageMs }),
      );
      return found;
    };
    recorder.begin(FIRST, 899, 'old');
    const flight = recorder.begin(FIRST, 900, 'just');
    recorder.begin(FIRST, 901, 'young');
    const found = visited(1_000, 100);
    const ids = found.map(({ index, head }) => reader.read(index, head)?.requestId);
    expect(ids).to.deep.equal(['old', 'just']);
    const later = found.map((one) => ({ ...one, ageMs: one.ageMs + 250 }));
    expect(visited(1_250, 350), 'the same requests later').to.deep.equal(later);
    recorder.end(flight, 200, 1);
    expect(visited(1_000, 100)).to.have.length(1);
    expect(reader.read(found[1]!.index, found[1]!.head), 'of an ended one').to.equal(undefined);
  });

  it('clears the records of an ended thread', () => {
    const { block, recorder } = setUp();
    recorder.begin(FIRST, 1);
    recorder.end(recorder.begin(FIRST, 2), 200, 1);
    clearFlights(block, SLOT);
    expect(readFlights(block, SLOT, 3)).to.deep.equal([]);
  });

  for (const hanging of [0, FLIGHTS - 1]) {
    it(`is never read torn while another thread writes, ${hanging} others in flight`, async () => {
      const block = Block.create({ workers: 2 });
      const workerData: WriterOrder = { memory: block.buffer, slot: SLOT, hanging };
      const writer = new Worker(new URL('./flight-writer-thread.js', import.meta.url), { workerData });
      await once(writer, 'message');
      const torn: Flight[] = [];
      const seen = new Set<number>();
      const now = 0x3fffffff;
      try {
        while (seen.size < (hanging === 0 ? 3_000 : 500)) {
          for (const flight of readFlights(block, SLOT, now)) {
            if (!isWhole(flight, now)) torn.push(flight);
            seen.add(flight.ageMs);
          }
        }
      } finally {
        await writer.terminate();
      }
      expect(torn).to.deep.equal([]);
    });
  }
});
