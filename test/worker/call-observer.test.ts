import { expect } from 'chai';
import type { Settings } from '#src/config.js';
import { DeadlineExceededError } from '#src/errors.js';
import { SERIES_PER_METRIC, SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { readTotals } from '#src/memory/metrics/totals.js';
import { initTracing } from '#src/telemetry/tracing.js';
import type { AttemptResult } from '#src/upstream/call-observer.js';
import { SERIES_PER_SERVICE } from '#src/worker/call-durations.js';
import { MAX_MEMOIZED } from '#src/worker/memoize-by-key.js';
import { observeCalls } from '#src/worker/observe-calls.js';
import { silentLog } from '#test/support/silent-log.js';
import { UNREADABLE_VALUES } from '#test/support/unreadable-values.js';
import { endpoint } from '../upstream/endpoints.js';

const SECONDS = 'http_client_request_duration_seconds';
const FALLBACKS = 'multilane_call_fallbacks_total';
const PICKS = 'multilane_balancer_picks_total';
const SERVICES = ['orders', 'users'];

const otel = { disabled: true } as unknown as Settings['otel'];
const untraced = initTracing(
  { otel },
  { worker: 1, instanceId: '' },
  { log: silentLog as never, recorder: new SeriesTable(new SeriesMemory().of(1)) },
);

describe('the durations of calls to one service', () => {
  it('take no memory from the durations of other services, whatever statuses it responds with', () => {
    const memory = new SeriesMemory();
    const observer = observeCalls(new SeriesTable(memory.of(1)), untraced, () => true).from('shop');
    const call = (service: string, method: string, status: number): void =>
      observer.attempt(endpoint('a', { service }), method, '/', 1, undefined).end({ status }, 5);
    for (const method of ['GET', 'POST']) for (let n = 200; n < 600; n++) call('odd', method, n);
    for (let n = 0; n < 30; n++) call(`s${n}`, 'GET', 503);
    const series = readTotals(memory).series.filter(({ metric }) => metric === SECONDS);
    const countOf = (service: string): number[] =>
      series
        .filter(({ labels }) => labels.server_address === service)
        .map(({ cells = [] }) => cells.reduce((sum, count) => sum + count, 0));
    expect(countOf('odd')).to.have.length(SERIES_PER_SERVICE + 1);
    expect(countOf('odd').reduce((sum, count) => sum + count, 0)).to.equal(800);
    for (let n = 0; n < 30; n++) expect(countOf(`s${n}`)).to.deep.equal([1]);
    expect(readTotals(memory).overflow).to.equal(0);
  });
});

describe('the durations of calls to more services than have series of their own', () => {
  it('count as those of one service, with as many series, and no call is lost', () => {
    const memory = new SeriesMemory();
    const observer = observeCalls(new SeriesTable(memory.of(1)), untraced, () => true).from('shop');
    const call = (service: string, status: number): void =>
      observer.attempt(endpoint('a', { service }), 'GET', '/', 1, undefined).end({ status }, 5);
    for (let n = 0; n < MAX_MEMOIZED; n++) call(`s${n}`, 200);
    const FURTHER = 30;
    for (let n = 0; n < FURTHER; n++) for (let status = 200; status < 300; status++) call(`t${n}`, status);
    const series = readTotals(memory).series.filter(({ metric }) => metric === SECONDS);
    const further = series.filter(({ labels }) => !labels.server_address?.startsWith('s'));
    expect(new Set(further.map(({ labels }) => labels.server_address))).to.deep.equal(new Set(['_OTHER']));
    expect(further).to.have.length(SERIES_PER_SERVICE + 1);
    const counted = further.flatMap(({ cells = [] }) => cells).reduce((sum, count) => sum + count, 0);
    expect(counted).to.equal(FURTHER * 100);
  });
});

describe('the counters of fallbacks', () => {
  it('count by service, and lose none of services that clients make up', () => {
    const memory = new SeriesMemory();
    const observer = observeCalls(new SeriesTable(memory.of(1)), untraced, () => false).from('shop');
    const MADE_UP = 1_000;
    for (let n = 0; n < 3; n++) observer.fellBack('orders');
    for (let n = 0; n < MADE_UP; n++) observer.fellBack(`s${n}`);
    const series = readTotals(memory).series.filter(({ metric }) => metric === FALLBACKS);
    expect(series.find(({ labels }) => labels.service === 'orders')?.value).to.equal(3);
    expect(series.reduce((sum, { value }) => sum + value, 0)).to.equal(3 + MADE_UP);
    expect(series.length).to.be.at.most(SERIES_PER_METRIC + 1);
  });
});

describe('the counters of calls by instance', () => {
  it('keep all calls after 2,000 lifetimes of instances: by service, and of living instances by instance', () => {
    const memory = new SeriesMemory();
    const live = new Set<string>();
    const picked = new Map<string, number>();
    const observer = observeCalls(new SeriesTable(memory.of(1)), untraced, (service, id) =>
      live.has(`${service} ${id}`),
    ).from('shop');
    const sums = (): Map<string, number> => {
      const found = new Map<string, number>();
      for (const { metric, labels, value } of readTotals(memory).series) {
        if (metric !== PICKS) continue;
        for (const key of [labels.service!, `${labels.service} ${labels.endpoint}`]) {
          found.set(key, (found.get(key) ?? 0) + value);
        }
      }
      return found;
    };
    for (let life = 0; life < 2_000; life++) {
      for (const service of SERVICES) {
        live.delete(`${service} i${life - 3}`);
        live.add(`${service} i${life}`);
        for (let id = Math.max(0, life - 2); id <= life; id++) {
          observer.attempt(endpoint(`i${id}`, { service }), 'GET', '/', 1, undefined);
          for (const key of [service, `${service} i${id}`]) picked.set(key, (picked.get(key) ?? 0) + 1);
        }
      }
      if (life % 100 !== 99) continue;
      const found = sums();
      for (const key of [...SERVICES, ...live]) expect(found.get(key), key).to.equal(picked.get(key));
    }
    expect(memory.of(1).byteLength).to.equal(65_536);
  });
});

describe('the attempts of calls that end with an odd reason', () => {
  it('are counted, by a type that is never free text', () => {
    const memory = new SeriesMemory();
    const observer = observeCalls(new SeriesTable(memory.of(1)), untraced, () => true).from('shop');
    const free = Object.assign(new Error('e'), { sqlState: 'token=hunter2', name: 'a\nb' });
    const reasons = [...Object.values(UNREADABLE_VALUES).map((make) => make()), 'hunter2', free];
    const call = (protocol: 'http' | 'grpc', error: unknown): void =>
      observer
        .attempt(endpoint('a', { service: 'odd', protocol }), 'GET', '/a/b', 1, undefined)
        .end({ error }, 5);
    for (const reason of reasons) for (const protocol of ['http', 'grpc'] as const) call(protocol, reason);
    const timed = readTotals(memory).series.filter(({ metric }) => metric.endsWith('_duration_seconds'));
    const counted = timed.flatMap(({ cells = [] }) => cells).reduce((sum, count) => sum + count, 0);
    expect(counted).to.equal(2 * reasons.length);
    expect(new Set(timed.map(({ labels }) => labels.error_type))).to.deep.equal(
      new Set(['unknown', 'Error']),
    );
    const edges = readTotals(memory).series.filter(({ metric }) => metric === 'multilane_calls_total');
    expect(edges.reduce((sum, { value }) => sum + value, 0)).to.equal(2 * reasons.length);
  });
});

describe('the durations of calls by gRPC', () => {
  it('have the method and the status of gRPC, also where the attempt has an HTTP status only', () => {
    const memory = new SeriesMemory();
    const observer = observeCalls(new SeriesTable(memory.of(1)), untraced, () => true).from('shop');
    const to = endpoint('a', { service: 'orders', protocol: 'grpc' });
    const ends: readonly AttemptResult[] = [
      { status: 200 },
      { status: 400, rpcStatus: 'FAILED_PRECONDITION' },
      { status: 404 },
      { error: new DeadlineExceededError() },
      { error: new Error('left') },
    ];
    for (const end of ends) observer.attempt(to, 'POST', '/a.B/C', 1, undefined).end(end, 5);
    const seen = readTotals(memory).series.filter(
      ({ metric }) => metric === 'rpc_client_call_duration_seconds',
    );
    const rows = seen.map(
      ({ labels: { rpc_response_status_code, error_type, rpc_method, server_address } }) => [
        rpc_response_status_code,
        error_type,
        rpc_method,
        server_address,
      ],
    );
    expect(rows).to.have.deep.members([
      ['OK', '', 'a.B/C', 'orders'],
      ['FAILED_PRECONDITION', 'FAILED_PRECONDITION', 'a.B/C', 'orders'],
      ['NOT_FOUND', 'NOT_FOUND', 'a.B/C', 'orders'],
      ['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'a.B/C', 'orders'],
      ['CANCELLED', 'Error', 'a.B/C', 'orders'],
    ]);
  });
});
