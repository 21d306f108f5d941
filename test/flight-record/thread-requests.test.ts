import { mock } from 'node:test';
import { expect } from 'chai';
import type { ThreadInFile } from '#src/flight-record/contents.js';
import { ThreadRequests } from '#src/flight-record/thread-requests.js';
import { Block } from '#src/memory/block.js';
import { FlightReader } from '#src/memory/flight-recorder.js';
import { FLIGHTS } from '#src/memory/layout.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { slotRequests } from '#src/memory/slot-requests.js';
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
});
