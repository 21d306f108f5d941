// docs/contract.md names all settings and metrics.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { PROCESS_SETTINGS } from '#src/config/table.js';
import { METRICS } from '#src/telemetry/metric-table.js';

const page = readFileSync('docs/contract.md', 'utf8');
const section = (number: number): string => page.split(/^## /m)[number]!;

describe('docs/contract.md', () => {
  it('lists every setting of the table', () => {
    for (const name of Object.keys(PROCESS_SETTINGS)) expect(section(2)).to.include(`\`${name}\``);
  });

  it('lists every metric whose name begins with multilane_', () => {
    for (const name of Object.keys(METRICS)) {
      if (name.startsWith('multilane_')) expect(section(6)).to.match(new RegExp(`\`${name}[\`{]`));
    }
  });
});
