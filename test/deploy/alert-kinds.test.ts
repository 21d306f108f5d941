// Workers of HTTP and gRPC cannot do the work of each other: what the workers, or the requests, of one kind have is
// neither hidden by idle ones of the other kind nor said of them.
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

/** At a time only the process in trouble has the alert, once, of the kind of the workers that are in trouble. */
const checkOf = (name: string, kind: Kind) => ({
  expr: `count by (instance, kind) (ALERTS{alertname="${name}",alertstate="firing",job="${name} ${kind}"})`,
  eval_time: `${ALERT_CASES[name]!.at}m`,
  exp_samples: [{ labels: `{instance="bad",kind="${kind}"}`, value: 1 }],
});

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
});
