// The reasons for which requests are refused, as the source has them: each is explained to operators. The
// alerts about refusals and the problems of the process have all that mean load, and no fault of a client.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { problemsOf } from '#src/admin/views/problems.js';
import { REFUSALS } from '#src/resilience/admission.js';
import { CONNECTION_REASONS, OVERLOAD_REASONS } from '#src/telemetry/shed-reasons.js';
import { HEALTHY, trafficOf } from '../admin/views/healthy-process.js';
import { ROOT } from '../support/cluster.js';
import { rulesIn } from './rule-names.js';

const SRC = join(ROOT, 'src');
const source = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readFileSync(join(SRC, path), 'utf8'))
  .join('\n');
const found = (pattern: RegExp): string[] => [...source.matchAll(pattern)].map(([, reason]) => reason!);

const FAULTS = [...new Set(found(/new ServerRefusal\(\s*'([A-Z_]+)'/g).map((code) => code.toLowerCase()))];
const OTHERS = [
  ...new Set([
    ...REFUSALS,
    ...found(/\bshed\('(\w+)'\)/g),
    ...found(/\bserver\.refused\('(\w+)'\)/g),
    ...found(/'multilane_requests_shed_total', \{\s*reason: '(\w+)'/g),
  ]),
];
/** Reasons that are meant. */
const MEANT = ['background', 'switched_off'];

const alerts = rulesIn(readFileSync(join(ROOT, 'deploy/prometheus/multilane-alerts.yml'), 'utf8'));
const watchedBy = (alert: string): string[] => {
  const { expr } = alerts.find(({ name }) => name === alert)!;
  return /reason=~"([^"]+)"/.exec(expr)![1]!.split('|').sort();
};
const sorted = (reasons: readonly string[]): string[] => [...reasons].sort();

/** The problems of a process that has refused something for each of these reasons. */
const problemsFor = (reasons: readonly string[]): string[] => {
  const traffic = trafficOf((count) => {
    for (const reason of reasons) count('multilane_requests_shed_total', { reason });
  });
  return problemsOf({ ...HEALTHY, traffic }).map(({ id }) => id);
};

describe('the reasons of refused requests', () => {
  it('are found in the source', () => {
    expect(FAULTS).to.include.members(['body_too_large', 'cross_site', 'malformed_request']);
    expect(OTHERS).to.include.members([...MEANT, 'queue', 'bulkhead', 'bodies', 'instance_connections']);
  });

  it('are explained in docs/operations.md', () => {
    const page = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
    const section = page.split('\n## Overload\n')[1]!.split('\n## ')[0]!;
    for (const reason of OTHERS) expect(section).to.include(`\n| \`${reason}\` | `);
    for (const reason of FAULTS) expect(section).to.include(`\`${reason}\``);
  });

  it('mean overload, refused connections, or what is meant; all others are faults of clients', () => {
    expect(sorted(OTHERS)).to.deep.equal(sorted([...OVERLOAD_REASONS, ...CONNECTION_REASONS, ...MEANT]));
    expect(OTHERS.filter((reason) => FAULTS.includes(reason))).to.deep.equal([]);
  });

  it('are in the alerts when they mean load', () => {
    expect(watchedBy('MultilaneRequestsShed')).to.deep.equal(sorted(OVERLOAD_REASONS));
    expect(watchedBy('MultilaneConnectionsRefused')).to.deep.equal(sorted(CONNECTION_REASONS));
  });

  it('are a problem of the process when they mean load', () => {
    for (const reason of OVERLOAD_REASONS) expect(problemsFor([reason]), reason).to.deep.equal(['shedding']);
    for (const reason of CONNECTION_REASONS)
      expect(problemsFor([reason]), reason).to.deep.equal(['connections']);
    expect(problemsFor([...FAULTS, ...MEANT])).to.deep.equal([]);
  });
});
