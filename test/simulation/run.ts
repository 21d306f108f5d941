// `npm run bench:mesh [-- --seed N]`: prints the tables of docs/resilience.md and docs/scaling.md.
import { parseArgs } from 'node:util';
import { clusterTable, ejectionTable, pickerTable } from './report.js';

const { values } = parseArgs({ options: { seed: { type: 'string', default: '1' } } });
const seed = Number(values.seed);
if (!Number.isSafeInteger(seed)) throw new Error(`--seed must be a whole number, not "${values.seed}"`);
for (const table of [pickerTable, ejectionTable, clusterTable])
  process.stdout.write(`${await table(seed)}\n\n`);
