// Alerts that a few events raise also count those that a process has counted before its first scrape, but not
// the past of an old process that Prometheus begins to scrape.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { requirePromtool } from '../telemetry/exposition.js';
import { ALERT_CASES } from './alert-cases.js';
import { rulesIn } from './rule-names.js';
import { labelled, RULE_FILES, testRules } from './rule-test.js';

const OF_EVENTS = rulesIn(readFileSync(RULE_FILES[1]!, 'utf8'))
  .filter(({ expr, text }) => expr.includes('increase(') && !/^ {8}for: /m.test(text))
  .map(({ name }) => name);

/** The minute at which a process starts, or Prometheus finds it; it is scraped until `END`. */
const [START, END] = [90, 240];
const LONG_AGO = -100_000;
const EVENTS = 4;
const steady = `${EVENTS}x${END - START}`;

/** The counter and the start times (in seconds) of a process, and whether it has an alert after `START`. */
const PROCESSES: Readonly<Record<string, { counter: string; started: string; fires: boolean }>> = {
  'new, with events before its first scrape': {
    counter: `_x${START} ${steady}`,
    started: `_x${START} ${START * 60}x${END - START}`,
    fires: true,
  },
  'restarted, with an equal total': {
    counter: `${EVENTS}x${START - 1} ${steady}`,
    started: `${LONG_AGO}x${START - 1} ${START * 60}x${END - START}`,
    fires: true,
  },
  'restarted, with a smaller total': {
    counter: `9x${START - 1} ${steady}`,
    started: `${LONG_AGO}x${START - 1} ${START * 60}x${END - START}`,
    fires: true,
  },
  'old, and scraped for the first time': {
    counter: `_x${START} ${steady}`,
    started: `_x${START} ${LONG_AGO}x${END - START}`,
    fires: false,
  },
  'old, and scraped again after a gap': {
    counter: `${EVENTS}x20 stale _x${START - 22} ${steady}`,
    started: `${LONG_AGO}x20 stale _x${START - 22} ${LONG_AGO}x${END - START}`,
    fires: false,
  },
  'restarted, without an event': {
    counter: `${EVENTS}x${START - 1} 0x${END - START}`,
    started: `${LONG_AGO}x${START - 1} ${START * 60}x${END - START}`,
    fires: false,
  },
};

const seriesOf = (name: string) =>
  Object.entries(PROCESSES).flatMap(([process, { counter, started }]) => [
    { series: labelled(Object.keys(ALERT_CASES[name]!.series)[0]!, name, process), values: counter },
    { series: labelled('process_start_time_seconds', name, process), values: started },
    {
      series: labelled('multilane_workers{state="ready"}', name, process),
      values: started.replaceAll(/-?\d+x/g, '2x'),
    },
  ]);

/**
 * Each process that fires has exactly one alert soon after its start; none has one before, or when it is
 * over.
 */
function checksOf(name: string) {
  const firing = `ALERTS{alertname="${name}",alertstate="firing",job="${name}"}`;
  const fires = Object.entries(PROCESSES).filter(([, process]) => process.fires);
  const check = (minute: number, exp_samples: { labels: string; value: number }[]) => {
    return { expr: `count by (instance) (${firing})`, eval_time: `${minute}m`, exp_samples };
  };
  const one = fires.map(([process]) => ({ labels: `{instance="${process}"}`, value: 1 }));
  return [check(START - 1, []), check(START, one), check(START + 5, one), check(END, [])];
}

describe('the alerts of deploy/prometheus that a few events raise', () => {
  it('count what a process has counted before its first scrape, once, and not the past of an old one', function () {
    this.timeout(60_000);
    requirePromtool(this, this.test as Mocha.Test);
    expect(testRules('1m', OF_EVENTS.flatMap(seriesOf), OF_EVENTS.flatMap(checksOf))).to.equal('');
  });

  it('are those of restarts, stalls, lost telemetry and lost labels', () => {
    expect(OF_EVENTS).to.have.members([
      ...['MultilaneWorkerRestarts', 'MultilaneHandlerStalls', 'MultilaneSeriesOverflow'],
      ...['MultilaneLogLinesDropped', 'MultilaneSpansDropped', 'MultilaneOtlpItemsDropped'],
    ]);
  });
});
