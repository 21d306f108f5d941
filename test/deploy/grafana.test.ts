// The dashboard that users import into Grafana. Grafana itself is not among the tests' programs, so the form
// is checked here, and every expression is parsed by promtool as it would be sent to Prometheus.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { metricEntry } from '#src/telemetry/metric-table.js';
import { ROOT } from '../support/cluster.js';
import { requirePromtool } from '../telemetry/exposition.js';
import { isKnown, namesIn, rulesIn } from './rule-names.js';

interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly datasource: { readonly uid: string };
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
}
interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
}

const dashboard = JSON.parse(readFileSync(join(ROOT, 'deploy/grafana/multilane.json'), 'utf8')) as Dashboard;
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const targets = panels.flatMap(({ targets = [] }) => targets);
const RECORDED = rulesIn(readFileSync(join(ROOT, 'deploy/prometheus/multilane-recording.yml'), 'utf8')).map(
  ({ name }) => name,
);
/** An expression as Grafana sends it. */
const sent = (expr: string): string =>
  expr.replaceAll('$__rate_interval', '1m').replaceAll(/\$(job|instance)/g, '.+');

describe('the dashboard of deploy/grafana', () => {
  it('has expressions that Prometheus parses', function () {
    requirePromtool(this, this.test as Mocha.Test);
    const rules = targets.map(({ expr }, at) => ({ record: `panel:expr:${at}`, expr: sent(expr) }));
    const folder = mkdtempSync(join(tmpdir(), 'grafana-'));
    try {
      const file = join(folder, 'rules.json');
      writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }));
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', file], {
        encoding: 'utf8',
      });
      expect(status, stdout + stderr).to.equal(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('uses metrics and labels that exist, of the chosen processes only', () => {
    for (const { expr } of targets) {
      const { metrics, recorded, strangeLabels } = namesIn(sent(expr), ['http_request_method', 'http_route']);
      expect(
        metrics.filter((name) => !isKnown(name)),
        expr,
      ).to.deep.equal([]);
      expect(
        recorded.filter((name) => !RECORDED.includes(name)),
        expr,
      ).to.deep.equal([]);
      expect(strangeLabels, expr).to.deep.equal([]);
      const selectors = expr.match(/\{[^}]*\}/g) ?? [];
      expect(selectors.length, expr).to.equal(metrics.length + recorded.length);
      for (const selector of selectors) expect(selector).to.include('job=~"$job",instance=~"$instance"');
    }
  });

  it('names labels in legends that its expressions keep', () => {
    for (const { expr, legendFormat } of targets) {
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        const grouped = expr
          .match(/\bby \([^)]*\)/g)
          ?.join(' ')
          .match(/\w+/g);
        const own = namesIn(sent(expr)).metrics.flatMap((metric) => metricEntry(metric)?.labels ?? []);
        expect(grouped ?? [...own, 'instance'], `${legendFormat} of ${expr}`).to.include(label);
      }
    }
  });

  it('takes the data source from its variable, and has no panel twice or beside the grid', () => {
    expect(dashboard.templating.list.map(({ name }) => name)).to.deep.equal([
      'datasource',
      'job',
      'instance',
    ]);
    for (const { datasource } of [...panels, ...targets]) expect(datasource?.uid).to.equal(`\${datasource}`);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).to.equal(dashboard.panels.length);
    const taken = new Set<string>();
    for (const { title, description, type, gridPos } of dashboard.panels) {
      if (type !== 'row') expect(description, title).to.be.a('string').and.not.equal('');
      expect(gridPos.x + gridPos.w, title).to.be.at.most(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x} ${y}`), `${title} covers another panel`).to.equal(false);
          taken.add(`${x} ${y}`);
        }
      }
    }
  });
});
