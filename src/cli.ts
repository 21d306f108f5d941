#!/usr/bin/env node
// Entry of the `multilane` command (docs/cli.md). cli/program.ts lists its subcommands.
import { requirePlatform } from '#scripts/platform.mjs';

requirePlatform();
const { runCli } = await import('#bundle/cli/run-cli.js');
await runCli();
