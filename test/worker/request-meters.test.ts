import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { FlightRecorder, readFlights } from '#src/memory/flight-recorder.js';
import type { TraceIdentity } from '#src/memory/metrics/recorder.js';
import { SERIES_PER_METRIC, SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { readTotals } from '#src/memory/metrics/totals.js';
import { OTHER_ROUTES, RouteNames, RouteNumbers } from '#src/memory/route-names.js';
import { readWorker, WorkerRow } from '#src/memory/worker-row.js';
import { RequestMeters } from '#src/worker/request-meters.js';
import { untilThereIsRoom } from '#test/support/above-end.js';

const SECONDS = 'http_server_request_duration_seconds';
const SLOT = 1;
/** Routes of which an end is cut off, and those before them, for which all code is compiled. */
const [ROUTES, WARM] = [40, 2] as const;
/** Makes the meters of one thread; called again, those of the next thread in its slot. */
function thread(
  memory = new SeriesMemory(),
  block = Block.create({ workers: 1 }),
  row = new WorkerRow(block, SLOT),
) {
  const recorder = new SeriesTable(memory.of(SLOT));
  const meters = new RequestMeters({
    recorder,
    series: recorder.pool('routes'),
    failures: recorder.pool('failures'),
    routes: new RouteNumbers(recorder.store),
    row,
    flightRecorder: new FlightRecorder(block, SLOT),
    clock: () => 0,
    scheme: 'http',
  });
  const request = (method: string, route: string | undefined, status: number, error?: string): void => {
    const meter = meters.meter(method, route);
    const begun = meter.begin(0, 'an-id', 0);
    meter.end(begun, status, 10, error);
  };
  const seen = () =>
    new Map(
      readTotals(memory)
        .series.filter(({ metric }) => metric === SECONDS)
        .map(({ labels, cells = [] }) => [
          `${labels.http_request_method} ${labels.http_route} ${labels.http_response_status_code} ${labels.error_type}`,
          cells.reduce((sum, n) => sum + n, 0),
        ]),
    );
  return { memory, block, request, meters, seen };
}

describe('the meters of requests', () => {
  it('count exactly what is in flight, also when a beginning or an end is cut off by a full stack', () => {
    const full = { began: false, ended: false };
    class FullStack extends WorkerRow {
      override began(inFlight: number): void {
        if (full.began) throw new RangeError('Maximum call stack size exceeded');
        super.began(inFlight);
      }
      override ended(...counts: Parameters<WorkerRow['ended']>): void {
        if (full.ended) throw new RangeError('Maximum call stack size exceeded');
        super.ended(...counts);
      }
    }
    const block = Block.create({ workers: 1 });
    const { meters, seen } = thread(new SeriesMemory(), block, new FullStack(block, SLOT));
    const meter = meters.meter('GET', '/a');
    const cutOff = (where: keyof typeof full, run: () => unknown): void => {
      full[where] = true;
      expect(run).to.throw(RangeError);
      full[where] = false;
    };
    cutOff('began', () => meter.begin(0, 'an-id', 0));
    const begun = [meter.begin(0, 'an-id', 0), meter.begin(0, 'an-id', 0)];
    expect(readWorker(block, SLOT).inFlight).to.equal(2);
    for (const one of begun) {
      cutOff('ended', () => meter.end(one, 200, 10, undefined));
      meter.end(one, 200, 10, undefined); // it is reported again
    }
    expect(readWorker(block, SLOT)).to.deep.include({ inFlight: 0, requests: 2 });
    expect([...seen().values()]).to.deep.equal([2]);
  });

  for (const [what, status, before] of [
    ['of the first requests of routes', 200, 'nothing'],
    ['of the first failures of routes', 503, 'nothing'],
    ['of the first sampled requests of routes', 200, 'unsampled'],
    ['of the first sampled failures of routes', 503, 'unsampled'],
    ['of requests like many before', 200, 'alike'],
    ['of failures like many before', 503, 'alike'],
  ] as const) {
    it(`count ends ${what} exactly once, wherever a full stack cuts them off and they are reported again`, () => {
      const memory = new SeriesMemory();
      const block = Block.create({ workers: 1 });
      const { meters, seen } = thread(memory, block);
      const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
      const error = status === 503 ? 'OVERLOADED' : undefined;
      let requests = 0;
      const begin = (n: number): ((sampled?: TraceIdentity) => void) => {
        requests++;
        const meter = meters.meter('GET', before === 'alike' ? '/a' : `/a/${n}`);
        const begun = meter.begin(0, 'an-id', 0);
        // A longer duration needs the most room of all, and would hide where the other calls are cut off.
        return (sampled) => meter.end(begun, status, 0, error, sampled);
      };
      for (let n = 0; n < WARM; n++) begin(n)(trace);
      let cutOff = 0;
      for (let n = WARM; n < ROUTES; n++) {
        if (before === 'unsampled') begin(n)();
        const end = begin(n);
        cutOff += untilThereIsRoom(() => end(trace));
      }
      expect(cutOff).to.be.above(ROUTES);
      const counted = [...seen().values()].reduce((sum, count) => sum + count, 0);
      const { requests: ended, errors, inFlight } = readWorker(block, SLOT);
      const all = { counted: requests, ended: requests, errors: status === 503 ? requests : 0, inFlight: 0 };
      expect({ counted, ended, errors, inFlight }).to.deep.equal(all);
      const left = readFlights(block, SLOT, 0).filter((one) => one.ended === undefined);
      expect(left).to.deep.equal([]);
    });
  }

  it('keep route, method and status of 150 routes, whatever else the thread counts', () => {
    const memory = new SeriesMemory();
    const statuses = [200, 201, 204, 301, 400, 401, 403, 404, 409, 422, 429];
    const own = new SeriesTable(memory.of(SLOT)).pool('services');
    for (let n = 0; n < 1_000; n++) own.counter('own_total', { n: String(n) }).add();
    const { request, seen } = thread(memory);
    for (let route = 0; route < 150; route++) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        for (const status of statuses) request(method, `/r${route}`, status);
        request(method, `/r${route}`, 500, 'INTERNAL');
        request(method, `/r${route}`, 503, 'OVERLOADED');
      }
    }
    const all = seen();
    expect(all.size).to.equal(150 * 3 * (statuses.length + 2));
    expect(all.get('DELETE /r149 503 OVERLOADED')).to.equal(1);
    expect(all.get('GET /r149 429 ')).to.equal(1);
    expect(readTotals(memory).overflow, 'of own_total').to.equal(1_000 - SERIES_PER_METRIC);
  });

  it('keep route and status of failures when the memory of all other series is used up', () => {
    const { request, seen } = thread();
    const [ROUTES, FIRST, LAST] = [800, 400, 450];
    for (let status = FIRST; status < LAST; status++) {
      for (let route = 0; route < ROUTES; route++) request('GET', `/r${route}`, status);
    }
    for (let route = 0; route < ROUTES; route++) request('GET', `/r${route}`, 503, 'OVERLOADED');
    const all = seen();
    expect(all.size).to.be.within(30_000, ROUTES * (LAST - FIRST));
    for (let route = 0; route < ROUTES; route++) expect(all.get(`GET /r${route} 503 OVERLOADED`)).to.equal(1);
    expect([...all.values()].reduce((sum, count) => sum + count, 0)).to.equal(ROUTES * (LAST - FIRST + 1));
  });

  it('keep route and status of failures with any number of error types', () => {
    const { meters, seen } = thread();
    const meter = meters.meter('GET', '/a');
    for (let n = 0; n < 1_000; n++) meter.end(meter.begin(0, 'an-id', 0), 500 + (n % 4), 10, `MADE_UP_${n}`);
    const all = [...seen()];
    expect(all.every(([name]) => /^GET \/a 50[0-3] (MADE_UP_\d+|_OTHER)$/.test(name))).to.equal(true);
    expect(all.reduce((sum, [, count]) => sum + count, 0)).to.equal(1_000);
    expect(all).to.have.length(4 * 17);
  });

  it('continue the counts of the previous thread in the slot, with the same route numbers', () => {
    const first = thread();
    first.request('GET', '/a', 200);
    first.request('GET', '/b', 200);
    const next = thread(first.memory, first.block);
    next.request('GET', '/b', 200);
    next.request('GET', '/c', 500, 'INTERNAL');
    expect([...next.seen()]).to.deep.equal([
      ['GET /a 200 ', 1],
      ['GET /b 200 ', 2],
      ['GET /c 500 INTERNAL', 1],
    ]);
    const known = new RouteNames();
    const names = [1, 2, 3].map((number) => known.of(first.memory.of(SLOT), number)?.template);
    expect(names).to.deep.equal(['/a', '/b', '/c']);
    expect(known.of(first.memory.of(SLOT), 4)).to.equal(undefined);
    next.request('GET', '/d', 200);
    expect(known.of(first.memory.of(SLOT), 4)?.template).to.equal('/d');
    expect(known.of(first.memory.of(SLOT), 1)?.template).to.equal('/a');
  });

  it('give routes numbers until none is left, and also count routes without a number', () => {
    const { request, seen, block } = thread();
    for (let n = 0; n < OTHER_ROUTES + 2; n++) request('GET', `/r${n}`, 200);
    expect(readFlights(block, SLOT, 0)[0]?.route).to.equal(OTHER_ROUTES);
    expect(seen().get(`GET /r${OTHER_ROUTES + 1} 200 `)).to.equal(1);
  });
});
