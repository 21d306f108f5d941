// Writes the generated table of docs/settings.md. A test fails when the table is outdated.
import { readFileSync, writeFileSync } from 'node:fs';
import { settingsTable } from '../dist/config/print.js';

const file = new URL('../docs/settings.md', import.meta.url);
const [begin, end] = ['<!-- table: npm run docs -->\n', '\n<!-- end of table -->'];
const text = readFileSync(file, 'utf8');
const from = text.indexOf(begin) + begin.length;
writeFileSync(file, text.slice(0, from) + settingsTable() + text.slice(text.indexOf(end, from)));
