// A trouble that goes on is not there in every scrape: an ejected instance returns for some seconds, a worker
// that cannot start is dead and starting in turn. The alerts fire for it, and do not end before the trouble
// does.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { ejectionRule } from '#src/resilience/ejection.js';
import { requirePromtool } from '../telemetry/exposition.js';
import { rulesIn } from './rule-names.js';
import { labelled, notation, RULE_FILES, testRules } from './rule-test.js';

const SCRAPE_S = 15;
const MINUTES = 60;
const SCRAPES = (MINUTES * 60) / SCRAPE_S;
/** For this long, at the end, the alert has to be there at each evaluation. */
const LASTING_MINUTES = 30;

/** What a scrape at a second sees of a series; undefined: nothing. */
type Seen = (second: number) => number | undefined;
type Trouble = Readonly<Record<string, Seen>>;

const always =
  (value: number): Seen =>
  () =>
    value;
/** @param phases a value and for how many seconds; they are repeated without end */
const inTurn =
  (...phases: readonly (readonly [value: number | undefined, seconds: number])[]): Seen =>
  (second) => {
    const ends = phases.map((_, n) => phases.slice(0, n + 1).reduce((sum, [, seconds]) => sum + seconds, 0));
    return phases[ends.findIndex((end) => second % ends.at(-1)! < end)]![0];
  };

const RULE = ejectionRule(30_000);
const EJECTED = 'multilane_registry_instances{service="orders",state="ejected"}';

/** An instance that fails every call. @param gapS how long it takes until it has failed five times */
function ejectedAgain(gapS: number): Trouble {
  const ejections: (readonly [from: number, to: number])[] = [];
  for (let [at, times] = [0, 1]; at < MINUTES * 60; times++) {
    const to = at + RULE.ejectedMs(times) / 1000;
    ejections.push([at, to]);
    at = to + gapS;
  }
  return {
    [EJECTED]: (second) => (ejections.some(([from, to]) => from <= second && second < to) ? 1 : undefined),
  };
}

const serving = (worker: number): string => `multilane_worker_serving{worker="${worker}",kind="http"}`;
const inState = (state: string): string => `multilane_workers{state="${state}"}`;
const breaker = (state: string): string =>
  `multilane_breaker_state{service="orders",endpoint="a",state="${state}"}`;

const TROUBLES: Readonly<Record<string, Readonly<Record<string, Trouble>>>> = {
  MultilaneInstancesEjected: Object.fromEntries(
    [0.2, 5, 11, 22, 60, 120, 240].map((gapS) => [`again after ${gapS} s`, ejectedAgain(gapS)]),
  ),
  MultilaneBreakerOpen: Object.fromEntries(
    [1, 10, 20].map((probesS) => [
      `half-open for ${probesS} s`,
      {
        [breaker('open')]: inTurn([1, 5], [0, probesS]),
        [breaker('half-open')]: inTurn([0, 5], [1, probesS]),
      },
    ]),
  ),
  MultilaneWorkersMissing: {
    'the only worker starts in vain, and its failed thread is kept': {
      [serving(1)]: always(1),
      [inState('ready')]: always(0),
      [inState('draining')]: always(1),
      [inState('starting')]: inTurn([1, 1], [0, 5]),
    },
    'one of two starts in vain': {
      [serving(1)]: always(1),
      [serving(2)]: always(0),
      [inState('ready')]: always(1),
      [inState('starting')]: inTurn([1, 1], [0, 5]),
      [inState('dead')]: inTurn([0, 1], [1, 5]),
    },
  },
  MultilaneOpenFilesNearLimit: Object.fromEntries(
    [0, 30, 600].map((freeS) => [
      `none is free, but for ${freeS} s at times`,
      {
        process_max_fds: always(1_000),
        // It is read from a file.
        process_open_fds: inTurn([980, freeS], [undefined, 600]),
        [inState('ready')]: always(2),
      },
    ]),
  ),
  MultilaneNoReadyWorker: {
    'all start in vain': {
      [serving(1)]: always(0),
      [inState('ready')]: always(0),
      [inState('starting')]: inTurn([1, 1], [0, 5]),
      [inState('dead')]: inTurn([0, 1], [1, 5]),
    },
  },
};

/** Why the other alerts about what is now have no gaps while their trouble goes on. */
const WITHOUT_GAPS: Readonly<Record<string, string>> = {
  MultilaneWorkerWedged: 'a thread in native code stays wedged until it returns',
  MultilaneLoopsSaturated: 'the share of time is measured all the time, of workers that serve',
  MultilanePrimaryDelayed: 'the delays are those since the scrape before',
  MultilaneAllWorkersShedding:
    'a worker refuses until it has had nothing to refuse, and one that starts does not count',
  MultilaneServiceUnavailable:
    'the last healthy instance is never ejected, and two good probes in a row end the trouble',
  MultilaneRegistryDown: 'only a registry that responds ends it',
  MultilaneCpuThreadStuck: 'a thread in native code stays stuck until it returns',
};

const ALERTS = rulesIn(readFileSync(RULE_FILES[1]!, 'utf8'));
/** The alerts about a state, not about what was counted within a time. */
const OF_STATES = ALERTS.filter(({ expr, text }) => {
  const isOfCounts = /\b(?:rate|increase|changes)\(|:rate5m|:p99_5m|avg_over_time/.test(expr);
  return /^ {8}for: /m.test(text) && !isOfCounts && !/\bup\b/.test(expr);
}).map(({ name }) => name);

const cases = Object.entries(TROUBLES).flatMap(([name, troubles]) =>
  Object.entries(troubles).map(([how, trouble]) => ({ name, job: `${name}: ${how}`, trouble })),
);

describe('the alerts of deploy/prometheus about a trouble that is not there in every scrape', () => {
  it('fire, and last as long as it does', function () {
    this.timeout(60_000);
    requirePromtool(this, this.test as Mocha.Test);
    const series = cases.flatMap(({ job, trouble }) =>
      Object.entries(trouble).map(([key, seen]) => ({
        series: labelled(key, job, 'a'),
        values: notation(Array.from({ length: SCRAPES + 1 }, (_, n) => seen(n * SCRAPE_S))),
      })),
    );
    const most = (LASTING_MINUTES * 60) / SCRAPE_S;
    const checks = cases.map(({ name, job }) => {
      const firing = `ALERTS{alertname="${name}",alertstate="firing",job="${job}"}`;
      return {
        expr: `count by (job) (count_over_time(${firing}[${LASTING_MINUTES}m]) >= ${most})`,
        eval_time: `${MINUTES}m`,
        exp_samples: [{ labels: `{job="${job}"}`, value: 1 }],
      };
    });
    expect(testRules(`${SCRAPE_S}s`, series, checks)).to.equal('');
  });

  it('do not fire for an instance that was ejected once, however long', function () {
    this.timeout(60_000);
    requirePromtool(this, this.test as Mocha.Test);
    const series = [1, 2, 5, 9].map((times) => ({
      series: labelled(EJECTED, `once, for ${times} times the least`, 'a'),
      values: notation(
        Array.from({ length: SCRAPES + 1 }, (_, n) =>
          n * SCRAPE_S * 1000 < RULE.ejectedMs(times) ? 1 : undefined,
        ),
      ),
    }));
    const expr = `count_over_time(ALERTS{alertname="MultilaneInstancesEjected",alertstate="firing"}[${MINUTES}m])`;
    expect(testRules(`${SCRAPE_S}s`, series, [{ expr, eval_time: `${MINUTES}m`, exp_samples: [] }])).to.equal(
      '',
    );
  });

  it('are here, or it is known why the state that they show has no gaps', () => {
    expect(OF_STATES).to.have.members([...Object.keys(TROUBLES), ...Object.keys(WITHOUT_GAPS)]);
  });
});
