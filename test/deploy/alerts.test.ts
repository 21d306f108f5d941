// The alerts that users load into Prometheus: promtool evaluates each of them on made series, and their
// names, metrics and labels are compared with the docs and the table of metrics.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from '../support/cluster.js';
import { requirePromtool } from '../telemetry/exposition.js';
import { ALERT_CASES, type AlertCase } from './alert-cases.js';
import { isKnown, namesIn, rulesIn } from './rule-names.js';
import { labelled, promtool, RULE_FILES, testRules } from './rule-test.js';

const [recordings, alerts] = RULE_FILES.map((file) => rulesIn(readFileSync(file, 'utf8')));
const RECORDED = recordings!.map(({ name }) => name);
const RECORDED_LABELS = ['http_request_method', 'http_route'];

/** The series of a case, under a job with the name of its alert. */
const seriesOf = ([name, { series }]: readonly [string, AlertCase]) =>
  Object.entries(series).flatMap(([key, [bad, good]]) => [
    { series: labelled(key, name, 'bad'), values: bad },
    { series: labelled(key, name, 'good'), values: good },
  ]);

/** The checks of a case: at a time exactly the process in trouble has the alert, and before that neither. */
function checksOf([name, { at, notYetAt }]: readonly [string, AlertCase]) {
  const firing = `ALERTS{alertname="${name}",alertstate="firing",job="${name}"}`;
  const check = (expr: string, minute: number, value?: number) => ({
    ...{ expr, eval_time: `${minute}m` },
    exp_samples: value === undefined ? [] : [{ labels: `{job="${name}"}`, value }],
  });
  return [
    check(`count by (job) (${firing})`, at, 1),
    check(firing.replace('}', ',instance="good"}'), at),
    ...(notYetAt === undefined ? [] : [check(firing, notYetAt)]),
  ];
}

describe('the alerts of deploy/prometheus', () => {
  it('are valid rules', function () {
    requirePromtool(this, this.test as Mocha.Test);
    expect(promtool('check', 'rules', ...RULE_FILES)).to.equal('');
  });

  it('fire for a process in trouble, once the trouble has lasted, and not for one that is well', function () {
    this.timeout(30_000);
    requirePromtool(this, this.test as Mocha.Test);
    const cases = Object.entries(ALERT_CASES);
    // All cases in one test are evaluated ten times as fast as one test each.
    expect(testRules('1m', cases.flatMap(seriesOf), cases.flatMap(checksOf))).to.equal('');
  });

  it('each have a case in that test', () => {
    expect(Object.keys(ALERT_CASES).sort()).to.deep.equal(alerts!.map(({ name }) => name).sort());
  });

  it('each have a severity, and a section of docs/operations.md that their runbook_url names', () => {
    const page = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
    const sections = [...page.matchAll(/^### (Multilane\w+)$/gm)].map(([, name]) => name!);
    expect(sections.sort()).to.deep.equal(alerts!.map(({ name }) => name).sort());
    for (const { name, text } of alerts!) {
      expect(text).to.include(`runbook_url: docs/operations.md#${name.toLowerCase()}\n`);
      expect(text).to.match(/severity: (critical|warning|info) \}/);
    }
  });

  it('have sections that say what the alert means, where to look, and what to do', () => {
    const page = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
    for (const { name } of alerts!) {
      const section = page.split(`### ${name}\n`)[1]!.split(/^##/m)[0]!;
      expect(section, name).to.match(/^- \*\*Look\*\*: .+/m);
      expect(section, name).to.match(/^- \*\*Do\*\*: .+/m);
    }
  });

  for (const { name, expr } of [...recordings!, ...alerts!]) {
    it(`use metrics and labels that exist: ${name}`, () => {
      const { metrics, recorded, strangeLabels } = namesIn(expr, RECORDED_LABELS);
      expect(metrics.length + recorded.length).to.be.above(0);
      expect(metrics.filter((metric) => !isKnown(metric))).to.deep.equal([]);
      expect(recorded.filter((series) => !RECORDED.includes(series))).to.deep.equal([]);
      expect(strangeLabels).to.deep.equal([]);
    });
  }

  it('would be refused with a metric or a label that does not exist', () => {
    expect(namesIn('sum by (rout) (multilane_handler_stalls_total)').strangeLabels).to.deep.equal(['rout']);
    expect(namesIn('multilane_workers{stat="ready"}').strangeLabels).to.deep.equal(['stat']);
    expect(isKnown(namesIn('rate(multilane_stalls_total[5m])').metrics[0]!)).to.equal(false);
  });
});
