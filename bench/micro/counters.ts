// Why counters live in shared memory and prom-client only renders: the price of counting one request.
// node build/bench/micro/counters.js
import { Histogram, Registry } from 'prom-client';
import { Block } from '#src/memory/block.js';
import { SeriesTable } from '#src/memory/series.js';
import type { Spread } from '../statistics.js';
import { nanosecondsPerCall } from './time.js';

const CALLS = 200_000;
const labels = {
  http_request_method: 'GET',
  http_route: '/api/users/{id}',
  http_response_status_code: '200',
  url_scheme: 'http',
};

const shared = new SeriesTable(Block.create({ workers: 1 }), 1).histogram('request_duration_seconds', labels);
const local = new Histogram({
  name: 'request_duration_seconds',
  help: 'Duration of a request.',
  labelNames: Object.keys(labels),
  registers: [new Registry()],
});
const child = local.labels(labels);

const rows: [string, Spread][] = [
  ['shared memory, histogram cell', nanosecondsPerCall(CALLS, (turn) => shared.record(turn & 0xffff))],
  ['prom-client, labels resolved once', nanosecondsPerCall(CALLS, (turn) => child.observe(turn / 1e6))],
  [
    'prom-client, labels on every call',
    nanosecondsPerCall(CALLS, (turn) => local.observe(labels, turn / 1e6)),
  ],
];
for (const [what, { median, min, max }] of rows) {
  process.stdout.write(
    `${what.padEnd(36)} ${median.toFixed(0).padStart(6)} ns (${min.toFixed(0)}..${max.toFixed(0)})\n`,
  );
}
