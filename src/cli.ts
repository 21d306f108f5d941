#!/usr/bin/env node
// Entry of the `multilane` command (docs/cli.md). cli/program.ts lists its subcommands.
import { createRequire } from 'node:module';
import { requirePlatform, withFiles } from '#scripts/platform.mjs';

const [first, ...others] = process.argv.slice(2);
if ((first === '--version' || first === '-v') && others.length === 0) {
  // Scripts ask for the version often, also on a platform that cannot run the rest.
  const { version } = createRequire(import.meta.url)('../package.json') as { readonly version: string };
  process.stdout.write(`${version}\n`);
} else {
  requirePlatform();
  const { runCli } = await withFiles(() => import('#bundle/cli/run-cli.js'));
  await runCli();
}
