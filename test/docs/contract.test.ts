// docs/contract.md names all settings, metrics and routes of the admin plane.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { PROCESS_SETTINGS } from '#src/config/table.js';
import { METRICS } from '#src/telemetry/metric-table.js';

const page = readFileSync('docs/contract.md', 'utf8');
const section = (number: number): string => page.split(/^## /m)[number]!;

describe('docs/contract.md', () => {
  it('lists every setting of the table', () => {
    for (const name of Object.keys(PROCESS_SETTINGS)) expect(section(2)).to.include(`\`${name}\``);
  });

  it('lists every metric with its labels', () => {
    const listed = [...section(6).matchAll(/`(\w+)(?:\{([^`]*)\})?`/g)]
      .filter(([, name]) => Object.hasOwn(METRICS, name!))
      .map(([, name, labels = '']) => [name, labels.replace(/ \([^)]*\)/g, '')]);
    const known = Object.entries(METRICS).map(([name, { labels }]) => [name, labels.join()]);
    expect(listed).to.have.deep.members(known);
  });

  it('lists the routes of the admin plane', () => {
    const source = readdirSync('src/admin', { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => readFileSync(join('src/admin', path), 'utf8'))
      .join('\n');
    const routes = [...source.matchAll(/(?:method: '[A-Z]+',\s*path: |\bget\()'(\/[^':]+)/g)];
    const paths = routes.map(([, path]) => path!.replace(/\/$/, ''));
    expect(paths).to.include.members(['/flights', '/overview', '/breakers', '/sagas', '/switches/log-level']);
    for (const path of paths) {
      // The table shortens paths that several routes of a row have in common.
      const [, first] = path.split('/');
      expect(section(5), path).to.match(new RegExp(`\\/${first}[\`/?.]`));
    }
  });
});
