import { mock } from 'node:test';
import { expect } from 'chai';
import type { ThreadInFile } from '#src/flight-record/contents.js';
import { ThreadRequests } from '#src/flight-record/thread-requests.js';
import { Block } from '#src/memory/block.js';
import { FlightReader } from '#src/memory/flight-recorder.js';
import { FLIGHTS } from '#src/memory/layout.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { ROWS_PER_TURN } from '#src/memory/route-names.js';
import { slotRequests } from '#src/memory/slot-requests.js';
import { meanwhileAt, momentsOf } from '../memory/stepped-atomics.js';
import { FakeWorker } from './kit.js';

const SLOT = 1;

describe('the text of the requests in flight of a thread', () => {
  afterEach(() => mock.restoreAll());

  it('has the oldest requests when bytes are short, in any order of their records, and no other text is made', () => {
    const [block, series] = [Block.create({ workers: 1 }), new SeriesMemory()];
    const worker = new FakeWorker(block, series, SLOT);
    const thread = new ThreadRequests({ block, series }, SLOT);
    // The first record is used again, so that the oldest request is not in it.
    const end = worker.begin('/hang', 0, 'short');
    for (let n = 1; n < FLIGHTS; n++) worker.begin('/hang', n, `r${n}`);
    end();
    worker.begin('/hang', FLIGHTS, `r${FLIGHTS}`);
    const { mock: reads } = mock.method(FlightReader.prototype, 'read');
    const { text, requests } = thread.textOf(slotRequests(block)(SLOT), 1_000, 200);
    const made = JSON.parse(text) as ThreadInFile;
    const ids = made.requests.map(([, , id]) => id);
    expect(ids).to.deep.equal(Array.from({ length: requests }, (_, n) => `r${n + 1}`));
    expect(requests).to.be.within(5, 10);
    expect(made.leftOut).to.equal(FLIGHTS - requests);
    expect(reads.callCount()).to.equal(requests + 1);
  });

  it('has every request at the next reading, whatever begins and ends during the earlier ones', () => {
    const [block, series] = [Block.create({ workers: 1 }), new SeriesMemory()];
    const worker = new FakeWorker(block, series, SLOT);
    const slot = slotRequests(block);
    const setUp = () => {
      const ends = ['a', 'b', 'c'].map((id) => worker.begin('/hang', 0, id));
      let begun = 0;
      const begin = (): void => void ends.push(worker.begin('/hang', 1, `r${++begun}`));
      const thread = new ThreadRequests({ block, series }, SLOT);
      const idsAt = (seen = slot(SLOT), of = thread): string =>
        (JSON.parse(of.textOf(seen, 5_000, 1_000).text) as ThreadInFile).requests
          .map(([, , id]) => id)
          .join();
      const fresh = (): string => idsAt(slot(SLOT), new ThreadRequests({ block, series }, SLOT));
      const endAll = (): void => {
        for (const end of ends) end();
      };
      return { idsAt, fresh, begin, end: () => ends.shift()!(), endAll };
    };
    type Process = ReturnType<typeof setUp>;
    const events: readonly ((of: Process) => void)[] = [
      ({ end }) => end(),
      ({ begin }) => begin(),
      (of) => [of.end(), of.begin()],
      (of) => [of.begin(), of.end()],
      () => undefined,
    ];
    const moments = momentsOf(() => slot(SLOT));
    expect(moments).to.be.at.least(8);
    for (let moment = 0; moment < moments; moment++) {
      for (const [first, during] of events.entries()) {
        for (const [second, between] of events.entries()) {
          for (const [third, later] of events.entries()) {
            const made = setUp();
            const readDuring = (event: (of: Process) => void): void => {
              let seen = slot(SLOT);
              const read = () => {
                seen = slot(SLOT);
              };
              meanwhileAt(moment, () => event(made), read);
              made.idsAt(seen);
            };
            readDuring(during);
            between(made);
            readDuring(later);
            const [shown, inFlight] = [made.idsAt(), made.fresh()];
            if (shown !== inFlight)
              expect(shown, `events ${first}, ${second}, ${third} at moment ${moment}`).to.equal(inFlight);
            made.endAll();
          }
        }
      }
    }
  });

  it('has every route in the end, however many there are, and reads few of their rows for one text', () => {
    const [block, series] = [Block.create({ workers: 1 }), new SeriesMemory()];
    const worker = new FakeWorker(block, series, SLOT);
    const thread = new ThreadRequests({ block, series }, SLOT);
    for (let n = 0; n < 2 * ROWS_PER_TURN; n++) worker.begin(`/ended/${n}`, 0, 'ended')();
    for (const route of ['/a', '/b', '/c', '/d']) worker.begin(route, 0, 'hangs');
    const routes = (): readonly string[] => {
      const { text } = thread.textOf(slotRequests(block)(SLOT), 1_000, 2_000);
      return (JSON.parse(text) as ThreadInFile).requests.map(([, template]) => template);
    };
    for (let text = 0; text < 2; text++) expect(routes()).to.deep.equal(['', '', '', '']);
    expect(routes()).to.have.members(['/a', '/b', '/c', '/d']);
  });
});
