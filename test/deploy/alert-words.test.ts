// What the alerts say in words: each time, share and rate in a description, and in the paragraph of
// docs/operations.md about an alert, is one of its expression.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from '../support/cluster.js';
import { rulesIn } from './rule-names.js';

const alerts = rulesIn(readFileSync(join(ROOT, 'deploy/prometheus/multilane-alerts.yml'), 'utf8'));
const page = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const UNITS: Readonly<Record<string, number>> = {
  second: 1,
  minute: 60,
  hour: 3_600,
  day: 86_400,
  week: 604_800,
};
const COUNTS: Readonly<Record<string, number>> = {
  ...{ a: 1, an: 1, one: 1, two: 2, three: 3, four: 4, five: 5, six: 6, seven: 7, eight: 8, nine: 9 },
  ...{ ten: 10, fifteen: 15, twenty: 20, thirty: 30 },
};
const PARTS: Readonly<Record<string, number>> = {
  'quarter of an hour': 900,
  half: 1 / 2,
  fifth: 1 / 5,
  twentieth: 1 / 20,
  hundredth: 1 / 100,
  'nine tenths': 9 / 10,
};

/** Numbers in words that are not of the rule of the alert: the code and other tests fix them. */
const NOT_OF_THE_RULE: Readonly<Record<string, readonly string[]>> = {
  // The rule of the breaker itself.
  MultilaneBreakerOpen: ['Half of the latest calls to an instance failed or were too slow'],
  // How the metric is counted.
  MultilaneSagasNeedAttention: [
    'counted at most every\n30 s; a scrape after a longer pause waits up to 0.3 s',
  ],
};

/** All numbers of a rule: times in seconds, thresholds, and the part that a percentile leaves above it. */
function numbersOf(rule: string): readonly number[] {
  const expression = rule.split(/^ {8}annotations:/m)[0]!.replaceAll(/"[^"]*"/g, '');
  const times = [...expression.matchAll(/\b(\d+)([smhd])\b/g)].map(
    ([, n, unit]) => Number(n) * SECONDS[unit!]!,
  );
  const limits = [...expression.matchAll(/[<>=] (\d+(?:\.\d+)?)/g)].map(([, n]) => Number(n));
  const percentiles = [...expression.matchAll(/:p(\d\d)_/g)].map(([, n]) => (100 - Number(n)) / 100);
  return [...times, ...limits, ...percentiles];
}

/** @returns each number that is told in words, with the words */
function told(text: string): readonly (readonly [words: string, value: number])[] {
  const found: (readonly [string, number])[] = [];
  let rest = text.replaceAll(/\s+/g, ' ');
  const take = (pattern: RegExp, value: (...words: string[]) => number): void => {
    rest = rest.replaceAll(pattern, (words: string, ...groups: string[]) => {
      found.push([words, value(...groups)]);
      return '';
    });
  };
  take(
    new RegExp(`\\b(${Object.keys(PARTS).join('|')})\\b(?!-)`, 'gi'),
    (part) => PARTS[part.toLowerCase()]!,
  );
  take(/([\d.]+) (?:\w+ )?(?:a|per) second\b/g, Number);
  take(
    new RegExp(
      `\\b(?:(\\d+|${Object.keys(COUNTS).join('|')}) |last )(${Object.keys(UNITS).join('|')})s?\\b`,
      'gi',
    ),
    (n = 'one', unit = '') => (COUNTS[n.toLowerCase()] ?? Number(n)) * UNITS[unit.toLowerCase()]!,
  );
  return found;
}

const wordsOf = (name: string, text: string): string => {
  const [, description] = /^ {10}description: '(.*)'$/m.exec(text)!;
  const paragraph = page.split(`### ${name}\n`)[1]!.split(/^- \*\*/m)[0]!;
  const words = `${description}\n${paragraph}`;
  return (NOT_OF_THE_RULE[name] ?? []).reduce((left, other) => {
    expect(left).to.include(other);
    return left.replace(other, '');
  }, words);
};

describe('the words of the alerts of deploy/prometheus', () => {
  for (const { name, text } of alerts) {
    it(`tell no number that the rule has not: ${name}`, () => {
      const numbers = numbersOf(text);
      const wrong = told(wordsOf(name, text)).filter(
        ([, value]) => !numbers.some((number) => Math.abs(number - value) < 1e-9),
      );
      expect(wrong, `numbers of the rule: ${numbers.join(', ')}`).to.deep.equal([]);
    });
  }

  it('tell many numbers', () => {
    expect(alerts.flatMap(({ name, text }) => told(wordsOf(name, text))).length).to.be.above(30);
  });

  it('are read as they are meant', () => {
    expect(told('a quarter of an hour, for 5 minutes and the last week')).to.deep.equal([
      ['quarter of an hour', 900],
      ['5 minutes', 300],
      ['last week', 604_800],
    ]);
    expect(told('More than a twentieth, more than 0.1 requests a second').map(([, n]) => n)).to.deep.equal([
      0.05, 0.1,
    ]);
    expect(told('Nine tenths take more than a second').map(([, n]) => n)).to.deep.equal([0.9, 1]);
  });
});
