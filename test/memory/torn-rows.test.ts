import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { readFlights } from '#src/memory/flight-recorder.js';
import { FLIGHTS, SERIES_PER_WORKER } from '#src/memory/layout.js';
import { labelsOfRow, SeriesTable } from '#src/memory/series.js';
import { readTotals } from '#src/memory/totals.js';
import { readWorker } from '#src/memory/worker-row.js';

const FIELDS = [
  'seriesCount',
  'seriesNameLength',
  'seriesName',
  'seriesValue',
  'flights',
  'workerCurrentRoute',
  'workerHeapUsed',
] as const;

describe('rows that their thread has filled with anything', () => {
  it('are read to their end and not beyond, and never throw', () => {
    const slots = 2;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...FIELDS), fc.nat(511), fc.integer()), { maxLength: 40 }),
        (writes) => {
          const block = Block.create({ workers: slots });
          const recorder = new SeriesTable(block, slots);
          recorder.counter('requests_total', { route: '/a' }).add();
          for (const [field, at, value] of writes) {
            const row = field.startsWith('series') && field !== 'seriesCount' ? at : 0;
            const { words, stride } = block.table(field);
            const first = field === 'seriesCount' || row === 0 ? slots * stride : row * stride;
            Atomics.store(words, (first + (at % stride)) % words.length, value);
          }
          expect(readTotals(block).series.length).to.be.at.most((slots + 1) * SERIES_PER_WORKER);
          const flights = readFlights(block, slots, 0);
          expect(flights.length).to.be.at.most(FLIGHTS);
          for (const { row } of flights) expect(labelsOfRow(block, row)).to.be.an('object');
          const { currentRow = 0 } = readWorker(block, slots);
          expect(labelsOfRow(block, currentRow)).to.be.an('object');
        },
      ),
    );
  });

  it('count no more rows than there are', () => {
    const block = Block.create({ workers: 1 });
    Atomics.store(block.words('seriesCount', 1), 0, 2 ** 31 - 1);
    expect(() => readTotals(block)).not.to.throw();
  });
});
