// Runs the rules of deploy/prometheus on made series by `promtool test rules`.
// https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../support/cluster.js';

const FOLDER = join(ROOT, 'deploy/prometheus');
export const RULE_FILES = ['multilane-recording.yml', 'multilane-alerts.yml'].map((name) =>
  join(FOLDER, name),
);

export interface MadeSeries {
  readonly series: string;
  readonly values: string;
}

/** An expression, a time such as `20m`, and the samples that it has to have then. */
export interface RuleCheck {
  readonly expr: string;
  readonly eval_time: string;
  readonly exp_samples: readonly { readonly labels: string; readonly value: number }[];
}

/** An alert, a time such as `20m`, and what it has to say then. */
export interface AlertCheck {
  readonly alertname: string;
  readonly eval_time: string;
  readonly exp_alerts: readonly {
    readonly exp_labels: Readonly<Record<string, string>>;
    readonly exp_annotations: Readonly<Record<string, string>>;
  }[];
}

/** The name of a series with the labels that Prometheus adds to a target. */
export const labelled = (series: string, job: string, instance: string): string => {
  const added = `job="${job}",instance="${instance}"`;
  return series.includes('{') ? series.replace('{', `{${added},`) : `${series}{${added}}`;
};

/** Values in the notation of promtool: a series that ends has a marker, as after a scrape without it. */
export const notation = (samples: readonly (number | undefined)[]): string =>
  samples.map((value, n) => value ?? (n > 0 && samples[n - 1] !== undefined ? 'stale' : '_')).join(' ');

/** @returns what promtool has written when it fails, else nothing */
export const promtool = (...args: string[]): string => {
  const { stdout, stderr, status } = spawnSync('promtool', args, { encoding: 'utf8' });
  return status === 0 ? '' : stdout + stderr;
};

/**
 * Evaluates all rules on made series.
 *
 * @param interval the time between two samples, and between two evaluations
 * @returns the complaints of promtool
 */
export function testRules(
  interval: string,
  series: readonly MadeSeries[],
  checks: readonly RuleCheck[],
  alerts: readonly AlertCheck[] = [],
): string {
  const folder = mkdtempSync(join(tmpdir(), 'alerts-'));
  try {
    const file = join(folder, 'alerts.json');
    const test = { interval, input_series: series, promql_expr_test: checks, alert_rule_test: alerts };
    writeFileSync(
      file,
      JSON.stringify({ rule_files: RULE_FILES, evaluation_interval: interval, tests: [test] }),
    );
    return promtool('test', 'rules', file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
