#!/usr/bin/env node
// Entry of the process, as `npm start` and process managers start it; `multilane start` does the same. After
// the settings are read (primary/run.ts) the process starts in five steps (primary/boot.ts):
//   share      services of the project, log and shared memory
//   claim      DATA_DIR or the slot of pm2, which one process may have
//   serve      data plane, registry, threads and admin plane
//   databases  embedded PostgreSQL; databases are created and migrated
//   ready      the data plane is joined, readiness is announced
import { requirePlatform, withFiles } from '#scripts/platform.mjs';

requirePlatform();
const { runPrimary } = await withFiles(() => import('#bundle/primary/run.js'));
await runPrimary({ argv: process.argv.slice(2), command: 'node dist/primary.js' });
