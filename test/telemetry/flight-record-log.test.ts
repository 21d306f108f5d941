import { expect } from 'chai';
import { pino } from 'pino';
import { rowsFor } from '#src/cluster/worker-rows.js';
import { FlightRecorder } from '#src/memory/flight-recorder.js';
import { SeriesStore } from '#src/memory/metrics/series-store.js';
import { reclaimSlot } from '#src/memory/reclaim-slot.js';
import { OTHER_ROUTES, ROWS_PER_TURN, type RouteName, RouteNumbers } from '#src/memory/route-names.js';
import { WorkerRow } from '#src/memory/worker-row.js';
import { createSharedState } from '#src/primary/create-shared-state.js';
import { flightRecordLog } from '#src/telemetry/flight-record-log.js';

type Line = Readonly<Record<string, unknown>>;

const SLOT = 2;
const NOW = 5_000;

/** What a worker has recorded, and the lines that the primary makes of it. */
function setUp() {
  const times = { breakerOpenMs: 5_000, slowCallMs: 10_000, ejectionMs: 30_000 };
  const sharedState = createSharedState(times, rowsFor(2), pino({ level: 'silent' }), () => undefined);
  const { block, series, names } = sharedState;
  const numbers = new RouteNumbers(new SeriesStore(series.of(SLOT)));
  const recorder = new FlightRecorder(block, SLOT);
  const begin = (name: RouteName, at: number, id = ''): number => recorder.begin(numbers.of(name), at, id);
  const lines: Line[] = [];
  const dump = flightRecordLog(
    { block, series, names, clock: () => NOW },
    pino({ base: null, timestamp: false }, { write: (line) => void lines.push(JSON.parse(line) as Line) }),
  );
  return { sharedState, begin, recorder, row: new WorkerRow(block, SLOT), lines, dump };
}

const thread = { worker: 1, generation: 3, slot: SLOT };
const route = (template: string): RouteName => ({ method: 'GET', template });

describe('the log line with the recent requests of a worker', () => {
  it('has the worker, the reason, and the requests by method and route', () => {
    const { begin, recorder, row, lines, dump } = setUp();
    row.began(1);
    recorder.end(begin({ method: 'POST', template: '' }, 4_000), 404, 1_500);
    begin(route('/api/users/{id}'), 3_000, 'request-1');
    dump(thread, 'stalled');
    expect(lines).to.deep.equal([
      {
        worker: 1,
        generation: 3,
        reason: 'stalled',
        inFlight: 1,
        requests: [
          {
            ...{ method: 'GET', route: '/api/users/{id}', requestId: 'request-1' },
            ...{ status: null, ageMs: 2_000, durationMs: null },
          },
          {
            ...{ method: 'POST', route: null, requestId: null },
            ...{ status: 404, ageMs: 1_000, durationMs: 1.5 },
          },
        ],
        level: 40,
        msg: 'recent requests of worker 1 (flight record)',
      },
    ]);
  });

  it('is not written for a worker without requests, whatever its slot held before', () => {
    const { sharedState, begin, lines, dump } = setUp();
    begin(route('/of/the/thread/before'), 1);
    reclaimSlot(sharedState, SLOT);
    dump(thread, 'start-failed');
    expect(lines).to.deep.equal([]);
  });

  it('has at most 32 requests, those in flight first', () => {
    const { begin, recorder, lines, dump } = setUp();
    for (let n = 0; n < 10; n++) begin(route('/hangs'), n);
    for (let n = 0; n < 60; n++) recorder.end(begin(route('/ends'), 1_000 + n), 200, 1);
    dump(thread, 'lost');
    const requests = lines[0]?.requests as { route: string; ageMs: number }[];
    expect(requests.map((one) => one.route)).to.deep.equal([
      ...Array<string>(10).fill('/hangs'),
      ...Array<string>(22).fill('/ends'),
    ]);
    expect(requests[10]?.ageMs).to.equal(NOW - 1_059);
  });

  it('names a route behind thousands of others, which are read in turns', async () => {
    const { begin, recorder, lines, dump } = setUp();
    for (let n = 0; n < 3 * ROWS_PER_TURN; n++) recorder.end(begin(route(`/r/${n}`), n), 200, 1);
    begin(route('/hangs'), 4_000);
    dump(thread, 'stalled');
    recorder.end(begin(route('/later'), 4_500), 200, 1);
    expect(lines, 'not in the same turn').to.deep.equal([]);
    for (let turn = 0; turn < 10 && lines.length === 0; turn++) await new Promise(setImmediate);
    const requests = lines[0]?.requests as { route: string }[];
    expect(requests).to.have.length(32);
    expect(requests.slice(0, 2).map((one) => one.route)).to.deep.equal([
      '/hangs',
      `/r/${3 * ROWS_PER_TURN - 1}`,
    ]);
  });

  it('has no route for a request whose route has no number', () => {
    const { recorder, lines, dump } = setUp();
    recorder.begin(OTHER_ROUTES, 1);
    dump(thread, 'lost');
    expect(lines[0])
      .to.have.property('requests')
      .that.deep.equals([
        {
          ...{ method: '_OTHER', route: null, requestId: null },
          ...{ status: null, ageMs: NOW - 1, durationMs: null },
        },
      ]);
  });
});
