// A trouble of seconds raises no alert that says how long something has lasted. The series are made of the
// cases of the alerts: healthy, then some scrapes at 15 s as in trouble, then healthy again.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { requirePromtool } from '../telemetry/exposition.js';
import { ALERT_CASES, type AlertCase } from './alert-cases.js';
import { rulesIn } from './rule-names.js';
import { labelled, notation, RULE_FILES, testRules } from './rule-test.js';

/** Scrapes of a series, of which the first ones are healthy. */
const [SCRAPES, HEALTHY] = [240, 40];
/** Scrapes of a trouble that lasts. */
const LONG = SCRAPES - HEALTHY;
const LENGTHS = [1, 2, 3, LONG];
/** What a scrape of the trouble counts, in times of the case, so that each average shows it. */
const BURST = 10;
const LASTING = rulesIn(readFileSync(RULE_FILES[1]!, 'utf8'))
  .filter(({ text }) => /^ {8}for: /m.test(text))
  .map(({ name }) => name);

/** The samples of a notation of promtool; undefined where there is none. */
function expand(notation: string): readonly (number | undefined)[] {
  return notation.split(' ').flatMap((part) => {
    const [, gap, first, sign, step = '0', times] =
      /^(?:(_|stale)|(-?[\d.]+)(?:([+-])([\d.]+))?)(?:x(\d+))?$/.exec(part)!;
    if (gap !== undefined) return Array<undefined>(Number(times ?? 1)).fill(undefined);
    const by = Number(step) * (sign === '-' ? -1 : 1);
    return Array.from({ length: Number(times ?? 0) + 1 }, (_, n) => Number(first) + by * n);
  });
}

const isCounter = (series: string): boolean => /_(?:total|count|bucket)(?:\{|$)/.test(series);

function blip(series: string, bad: string, at: number, length: number): string {
  const samples = expand(bad);
  const scrapes = Array.from({ length: SCRAPES }, (_, n) => n);
  const isTrouble = (n: number): boolean => n >= HEALTHY && n < HEALTHY + length;
  if (!isCounter(series)) return notation(scrapes.map((n) => (isTrouble(n) ? samples[at] : samples[0])));
  const [healthy, trouble] = [samples[1]! - samples[0]!, BURST * (samples[at]! - samples[at - 1]!)];
  let total = 0;
  return notation(scrapes.map((n) => (total += isTrouble(n) ? trouble : healthy)));
}

const seriesOf = (name: string, { series, at }: AlertCase, length: number) =>
  Object.entries(series).map(([key, [bad]]) => ({
    series: labelled(key, `${name} ${length}`, 'a'),
    values: blip(key, bad, at, length),
  }));

describe('the alerts of deploy/prometheus that say how long something has lasted', () => {
  it('do not fire for a trouble of 1 to 3 scrapes, and do for one that goes on', function () {
    this.timeout(120_000);
    requirePromtool(this, this.test as Mocha.Test);
    const series = LASTING.flatMap((name) =>
      LENGTHS.flatMap((length) => seriesOf(name, ALERT_CASES[name]!, length)),
    );
    const minutes = SCRAPES / 4;
    const checks = LASTING.map((name) => {
      const firing = `ALERTS{alertname="${name}",alertstate="firing",job=~"${name} .*"}`;
      return {
        expr: `count by (job) (count_over_time(${firing}[${minutes}m]))`,
        eval_time: `${minutes}m`,
        exp_samples: [{ labels: `{job="${name} ${LONG}"}`, value: 1 }],
      };
    });
    expect(testRules('15s', series, checks)).to.equal('');
  });

  it('are many', () => {
    expect(LASTING.length).to.be.above(20);
  });
});
