// Workers of HTTP and gRPC cannot do the work of each other: what the workers, or the requests, of one kind
// have is neither hidden by idle ones of the other kind nor said of them.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { requirePromtool } from '../telemetry/exposition.js';
import { ALERT_CASES } from './alert-cases.js';
import { rulesIn } from './rule-names.js';
import { labelled, type MadeSeries, RULE_FILES, testRules } from './rule-test.js';

const MINUTES = 60;
const steadily = (value: number): string => `${value}x${MINUTES}`;

/** The alerts that compare values of workers with each other. */
const OF_WORKERS = rulesIn(readFileSync(RULE_FILES[1]!, 'utf8'))
  .filter(({ expr }) => /\b(?:avg|min|max) by \([^)]*\) \(multilane_worker_/.test(expr))
  .map(({ name }) => name);

type Kind = 'http' | 'grpc';
const other = (kind: Kind): Kind => (kind === 'http' ? 'grpc' : 'http');

/** The series of a worker that serves and has nothing to do. */
const idle = (worker: number, kind: Kind): Readonly<Record<string, number>> => ({
  [`multilane_worker_serving{worker="${worker}",kind="${kind}"}`]: 1,
  [`multilane_worker_loop_utilization_ratio{worker="${worker}"}`]: 0.01,
  [`multilane_worker_shedding{worker="${worker}"}`]: 0,
});

/** The series of a case as those of workers of one kind, beside idle workers of the other one. */
function besideIdle(name: string, kind: Kind): readonly MadeSeries[] {
  const made = Object.entries(ALERT_CASES[name]!.series).filter(([key]) => !key.includes('kind="grpc"'));
  const beside = [8, 9].flatMap((worker) => Object.entries(idle(worker, other(kind))));
  return (['bad', 'good'] as const).flatMap((instance, at) => [
    ...made.map(([key, values]) => ({
      series: labelled(key.replace('kind="http"', `kind="${kind}"`), `${name} ${kind}`, instance),
      values: values[at]!,
    })),
    ...beside.map(([key, value]) => ({
      series: labelled(key, `${name} ${kind}`, instance),
      values: steadily(value),
    })),
  ]);
}

/**
 * At a time only the process in trouble has the alert, once, of the kind of the workers that are in trouble.
 */
const checkOf = (name: string, kind: Kind) => ({
  expr: `count by (instance, kind) (ALERTS{alertname="${name}",alertstate="firing",job="${name} ${kind}"})`,
  eval_time: `${ALERT_CASES[name]!.at}m`,
  exp_samples: [{ labels: `{instance="bad",kind="${kind}"}`, value: 1 }],
});

const http = (status: string): string =>
  `http_server_request_duration_seconds_count{http_request_method="GET",http_route="/a",http_response_status_code="${status}"}`;
const rpc = (status: string): string =>
  `rpc_server_call_duration_seconds_count{rpc_method="orders/Get",rpc_response_status_code="${status}"}`;
const SHED = 'multilane_requests_shed_total{reason="queue"}';

/** What a process counts in a minute, and the share that is refused where that is an alert. */
const REFUSALS: Readonly<Record<string, { counts: Readonly<Record<string, number>>; share?: number }>> = {
  'HTTP alone': { counts: { [http('200')]: 50, [http('503')]: 50, [SHED]: 50 }, share: 0.5 },
  'gRPC alone': { counts: { [rpc('OK')]: 50, [rpc('UNAVAILABLE')]: 50, [SHED]: 50 }, share: 0.5 },
  'gRPC beside HTTP': {
    counts: { [http('200')]: 100, [rpc('OK')]: 50, [rpc('UNAVAILABLE')]: 50, [SHED]: 50 },
    share: 0.25,
  },
  'HTTP beside gRPC': {
    counts: { [rpc('OK')]: 100, [http('200')]: 50, [http('503')]: 50, [SHED]: 50 },
    share: 0.25,
  },
  'little of much gRPC beside little HTTP': {
    counts: { [http('200')]: 10, [rpc('OK')]: 2_000, [rpc('UNAVAILABLE')]: 10, [SHED]: 10 },
  },
  'more series than are shown, which are added up without labels': {
    counts: {
      http_server_request_duration_seconds_count: 50,
      rpc_server_call_duration_seconds_count: 50,
      [SHED]: 25,
    },
    share: 0.25,
  },
};

describe('the alerts of deploy/prometheus, in a process of HTTP and gRPC', () => {
  it('that compare workers compare those of one kind', function () {
    this.timeout(30_000);
    requirePromtool(this, this.test as Mocha.Test);
    const kinds: readonly Kind[] = ['http', 'grpc'];
    const all = OF_WORKERS.flatMap((name) => kinds.map((kind) => [name, kind] as const));
    expect(
      testRules(
        '1m',
        all.flatMap(([name, kind]) => besideIdle(name, kind)),
        all.map(([name, kind]) => checkOf(name, kind)),
      ),
    ).to.equal('');
  });

  it('compare workers in these cases', () => {
    expect(OF_WORKERS).to.have.members([
      ...['MultilaneNoReadyWorker', 'MultilaneLoopsSaturated', 'MultilaneAllWorkersShedding'],
    ]);
  });

  it('tell the share of refused requests in all requests, of HTTP and gRPC', function () {
    this.timeout(30_000);
    requirePromtool(this, this.test as Mocha.Test);
    const cases = Object.entries(REFUSALS);
    const series = cases.flatMap(([name, { counts }]) =>
      Object.entries(counts).map(([key, n]) => ({
        series: labelled(key, name, 'a'),
        values: `0+${n}x${MINUTES}`,
      })),
    );
    const firing = cases.filter(([, { share }]) => share !== undefined);
    const { expr } = rulesIn(readFileSync(RULE_FILES[1]!, 'utf8')).find(
      ({ name }) => name === 'MultilaneRequestsShed',
    )!;
    const eval_time = '40m';
    expect(
      testRules('1m', series, [
        {
          ...{
            expr: 'count by (job) (ALERTS{alertname="MultilaneRequestsShed",alertstate="firing"})',
            eval_time,
          },
          exp_samples: firing.map(([name]) => ({ labels: `{job="${name}"}`, value: 1 })),
        },
        {
          ...{ expr: `sum by (job) (${expr})`, eval_time },
          exp_samples: firing.map(([name, { share }]) => ({ labels: `{job="${name}"}`, value: share! })),
        },
      ]),
    ).to.equal('');
  });
});
