// Runs the tests on another version of Node.js. That version is installed from the npm registry (package
// `node`) into a temporary folder. It is the first in PATH, so every process that the tests start uses it.
//   node scripts/on-node.mjs 24 --smoke            runs the files that are listed in .ci/smoke and .ci/node-core
//   node scripts/on-node.mjs 24 [mocha's options]  runs the whole suite
//   node scripts/on-node.mjs 24 --node-core        the same on the HTTP core on `node:http`
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NODE_ABIS } from './platform.mjs';
import { inParallel, listedFiles, NODE_CORE, nodeCorePart, Suite } from './suite.mjs';

const INSTALL_MS = 300_000;

class Failure extends Error {}

/** Installs Node.js. @returns the folder of its `node` */
function install(version, folder) {
  // The install script of the package downloads the binary.
  const options = ['--ignore-scripts=false', '--no-save', '--no-package-lock', '--no-audit', '--no-fund'];
  const { status, error, stderr } = spawnSync(
    'npm',
    ['install', '--prefix', folder, `node@${version}`, '--loglevel=error', ...options],
    { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'], timeout: INSTALL_MS },
  );
  if (status !== 0) throw new Failure(`cannot install node@${version}: ${error?.message ?? stderr.trim()}`);
  const bin = join(folder, 'node_modules/node/bin');
  const found = spawnSync(join(bin, 'node'), ['--version'], { encoding: 'utf8' }).stdout?.trim();
  if (!found?.startsWith(`v${version}.`)) {
    throw new Failure(
      `npm has installed node@${version}, but no such binary is there (found: ${found ?? 'none'})`,
    );
  }
  process.stderr.write(`on-node: ${found}\n`);
  return bin;
}

/** Runs the tests, as `npm test` does. @returns the exit code */
function test(bin, parts, options) {
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
  // npm sets these variables for its scripts.
  for (const name of ['NODE', 'npm_node_execpath']) delete env[name];
  return new Suite({ node: join(bin, 'node'), env }).run(parts, options);
}

const WHOLE = ['build/test/**/*.test.js'];

/** @returns the parts of the suite for the options, and the options of mocha */
function choose(version, args) {
  const own = new Set(args.filter((arg) => arg === '--smoke' || arg === '--node-core'));
  const options = args.filter((arg) => !own.has(arg));
  if (own.has('--smoke')) {
    // Without a build of uWebSockets.js only the part on the other core can run.
    const hasUws = Object.values(NODE_ABIS).includes(Number(version));
    const parts = [...(hasUws ? [inParallel(listedFiles('.ci/smoke'))] : []), nodeCorePart(Number(version))];
    return { parts, options };
  }
  return { parts: [inParallel(WHOLE, own.has('--node-core') ? NODE_CORE : {})], options };
}

const [version = '', ...args] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'multilane-node-'));
try {
  if (!/^\d+$/.test(version))
    throw new Failure('usage: node scripts/on-node.mjs MAJOR [--smoke | --node-core] [mocha options]');
  const { parts, options } = choose(version, args);
  process.exitCode = await test(install(version, folder), parts, options);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`on-node: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
