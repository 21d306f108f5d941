// The reasons for which requests are refused, as the source has them: each is explained to operators, and the
// alert about refused requests has all that mean load and no fault of a client.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { REFUSALS } from '#src/resilience/admission.js';
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
/** Reasons that mean no overload of requests, or have an alert of their own. */
const APART = ['background', 'switched_off', 'max_connections', 'connection_share'];

const alerts = rulesIn(readFileSync(join(ROOT, 'deploy/prometheus/multilane-alerts.yml'), 'utf8'));
const { expr } = alerts.find(({ name }) => name === 'MultilaneRequestsShed')!;
const watched = /reason=~"([^"]+)"/.exec(expr)![1]!.split('|');

describe('the reasons of refused requests', () => {
  it('are found in the source', () => {
    expect(FAULTS).to.include.members(['body_too_large', 'cross_site', 'malformed_request']);
    expect(OTHERS).to.include.members([...APART, 'queue', 'bulkhead', 'bodies', 'instance_connections']);
  });

  it('are explained in docs/operations.md', () => {
    const page = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
    const section = page.split('\n## Overload\n')[1]!.split('\n## ')[0]!;
    for (const reason of OTHERS) expect(section).to.include(`\n| \`${reason}\` | `);
    for (const reason of FAULTS) expect(section).to.include(`\`${reason}\``);
  });

  it('are in MultilaneRequestsShed when they mean load, and not when they are faults of clients', () => {
    expect(watched.sort()).to.deep.equal(OTHERS.filter((reason) => !APART.includes(reason)).sort());
    expect(watched.filter((reason) => FAULTS.includes(reason))).to.deep.equal([]);
  });
});
