// Writes what is generated of docs: the table of docs/settings.md, and docs/api.md. Tests fail when they are outdated.
import { readFileSync, writeFileSync } from 'node:fs';
import { settingsTable } from '../dist/config/print.js';
import { apiPage } from './api-reference/page.mjs';

const file = new URL('../docs/settings.md', import.meta.url);
const [begin, end] = ['<!-- table: npm run docs -->\n', '\n<!-- end of table -->'];
const text = readFileSync(file, 'utf8');
const from = text.indexOf(begin) + begin.length;
writeFileSync(file, text.slice(0, from) + settingsTable() + text.slice(text.indexOf(end, from)));
writeFileSync(new URL('../docs/api.md', import.meta.url), apiPage());
