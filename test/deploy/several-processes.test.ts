// What the dashboard, and the queries of docs/metrics.md, show of several processes at once: a share is never
// more than one, and the cores of all routes are those that all workers use.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from '../support/cluster.js';
import { requirePromtool } from '../telemetry/exposition.js';
import { labelled, type RuleCheck, testRules } from './rule-test.js';

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
}

const { panels } = JSON.parse(readFileSync(join(ROOT, 'deploy/grafana/multilane.json'), 'utf8')) as {
  readonly panels: readonly Panel[];
};
/** An expression as Grafana sends it when all processes are chosen. */
const sent = ({ expr }: { readonly expr: string }): string =>
  expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$(job|instance)/g, '.+');
const exprsOf = (wanted: (panel: Panel) => boolean): readonly string[] =>
  panels.filter(wanted).flatMap(({ targets = [] }) => targets.map(sent));

const SHARES = exprsOf(({ fieldConfig }) => fieldConfig?.defaults.unit === 'percentunit');
const [CPU_BY_ROUTE] = exprsOf(({ title }) => title === 'CPU by route');
const [BUSIEST, CORES, CORES_OF_ALL] = /```promql\n([^`]+)```/
  .exec(readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8'))![1]!
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));

const requests = (status: string): string =>
  `http_server_request_duration_seconds_count{http_request_method="GET",http_route="/x",http_response_status_code="${status}"}`;
const route = (name: string): string => `multilane_route_cpu_ratio{route="${name}"}`;
const loop = (worker: number): string => `multilane_worker_loop_utilization_ratio{worker="${worker}"}`;

/** The values of two processes, one with two workers. Together they use two cores. */
const VALUES: Readonly<Record<string, readonly [a: string, b?: string]>> = {
  [requests('200')]: ['0+5x20', '0+9x20'],
  [requests('500')]: ['0+95x20', '0+91x20'],
  [route('/x')]: ['0.9x20', '0.2x20'],
  [route('other')]: ['0.1x20', '0.8x20'],
  [loop(1)]: ['1x20', '0.5x20'],
  [loop(2)]: ['0.5x20'],
  'multilane_worker_backlog_ratio{worker="1"}': ['0.9x20', '0.9x20'],
  'multilane_worker_shedding{worker="1"}': ['1x20', '1x20'],
  multilane_cpu_pool_utilization_ratio: ['0.9x20', '0.9x20'],
};
/** The first process uses 1.5 cores, the second one half of a core. */
const CORES_BY_ROUTE = { '/x': 1.45, other: 0.55 };

const series = Object.entries(VALUES).flatMap(([key, values]) =>
  values.flatMap((value, at) =>
    value === undefined ? [] : [{ series: labelled(key, 'shop', 'ab'[at]!), values: value }],
  ),
);

/** Values are rounded, since shares such as 0.1 are not exact. */
const check = (expr: string, samples: Readonly<Record<string, number>>): RuleCheck => ({
  expr: `round(${expr}, 0.001)`,
  eval_time: '15m',
  exp_samples: Object.entries(samples).map(([labels, value]) => ({ labels, value })),
});

function complaints(...checks: readonly RuleCheck[]): string {
  return testRules('1m', series, checks);
}

describe('several processes at once', () => {
  it('have shares of at most one in the dashboard', function () {
    requirePromtool(this, this.test as Mocha.Test);
    expect(SHARES).to.have.length.of.at.least(5);
    const checks = SHARES.flatMap((expr) => [
      check(`${expr} > 1`, {}),
      check(`count(${expr}) > bool 0`, { '{}': 1 }),
    ]);
    expect(complaints(...checks)).to.equal('');
  });

  it('use together the cores of their routes, in the dashboard and by the queries of the docs', function () {
    requirePromtool(this, this.test as Mocha.Test);
    const byRoute = Object.fromEntries(
      Object.entries(CORES_BY_ROUTE).map(([name, cores]) => [`{route="${name}"}`, cores]),
    );
    expect(
      complaints(
        check(CPU_BY_ROUTE!, byRoute),
        check(CORES_OF_ALL!, byRoute),
        check(`sum by (route) (${CORES})`, byRoute),
        check(`sum by (instance) (${CORES})`, { '{instance="a"}': 1.5, '{instance="b"}': 0.5 }),
        check(`sum by (instance) (${BUSIEST})`, { '{instance="a"}': 1, '{instance="b"}': 1 }),
      ),
    ).to.equal('');
  });
});
