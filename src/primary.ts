#!/usr/bin/env node
// The process, as `npm start` and process managers start it; `multilane start` is the same.
import { requirePlatform } from '#scripts/platform.mjs';

requirePlatform();
const { runPrimary } = await import('./primary/run.js');
await runPrimary({ argv: process.argv.slice(2), command: 'node dist/primary.js' });
