#!/usr/bin/env node
// Entry of the process, for `npm start` and process managers. `multilane start` does the same.
import { requirePlatform } from '#scripts/platform.mjs';

requirePlatform();
const { runPrimary } = await import('./primary/run.js');
await runPrimary({ argv: process.argv.slice(2), command: 'node dist/primary.js' });
