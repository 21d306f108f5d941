// Runs mocha in parts, and once more the few files of a part that have failed, alone: tests of whole processes
// share the processors with others, so what passes then is called unsteady and shown with its failure. What
// fails again has failed.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MOCHA = join(ROOT, 'node_modules/mocha/bin/mocha.js');
const REPORTER = join(ROOT, 'scripts/failed-files.cjs');
/** With more files than these, the fault is not in the tests. */
const MOST_REPEATED = 6;

/**
 * The compiled files of a list such as .ci/smoke.
 * @throws Error for a file that is not built, of which mocha would only warn
 */
export function listedFiles(list) {
  const lines = readFileSync(join(ROOT, list), 'utf8').split('\n');
  const files = lines.map((line) => line.replace(/#.*/, '').trim()).filter((line) => line !== '');
  const compiled = files.map((file) => join('build', file.replace(/\.ts$/, '.js')));
  const missing = compiled.filter((file) => !existsSync(join(ROOT, file)));
  if (missing.length > 0) throw new Error(`${list} lists what is not built: ${missing.join(', ')}`);
  return compiled;
}

/** What makes the processes of tests run the HTTP core on `node:http` (test/support/core.ts). */
export const NODE_CORE = { HTTP_CORE: 'node' };

/** A part of a suite: two files run at a time. */
export const inParallel = (files, env = {}) => ({ args: ['--parallel', '--jobs', '2', ...files], env });

/** The first version of Node.js whose threads share a port. */
const SHARING_NODE = 22;

/** The part of the suite that runs on both cores. @param major version of Node.js */
export const nodeCorePart = (major) =>
  inParallel(
    [...listedFiles('.ci/node-core'), ...(major >= SHARING_NODE ? listedFiles('.ci/node-core-workers') : [])],
    NODE_CORE,
  );

export class Suite {
  #node;
  #env;
  #folder = mkdtempSync(join(tmpdir(), 'multilane-suite-'));
  #running;
  #isStopped = false;

  constructor({ node = process.execPath, env = process.env } = {}) {
    this.#node = node;
    this.#env = env;
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.on(signal, () => {
        this.#isStopped = true;
        this.#running?.kill(signal);
      });
    }
    process.on('exit', () => rmSync(this.#folder, { recursive: true, force: true }));
  }

  /**
   * Runs all parts, one after the other, and then what has failed.
   * @param parts the arguments of mocha for each, and variables of the environment
   * @param common arguments of all runs
   * @returns the exit code
   */
  async run(parts, common) {
    const runs = [];
    for (const [at, { args, env }] of parts.entries())
      runs.push(await this.#mocha(`part ${at + 1} of ${parts.length}`, [...args, ...common], env));
    const failed = runs.flatMap((run, at) => (run.code === 0 ? [] : [{ ...run, env: parts[at].env }]));
    const count = failed.reduce((sum, { files }) => sum + files.length, 0);
    const mayRepeat = failed.every(({ files }) => files.length > 0) && count <= MOST_REPEATED;
    if (this.#isStopped || !mayRepeat) return Math.max(...runs.map(({ code }) => code));
    let worst = 0;
    for (const { files, env } of failed) {
      const { code } = await this.#mocha(
        'once more: files that have failed beside others',
        [...files, ...common],
        env,
      );
      const names = files.map((file) => relative(ROOT, file)).join(', ');
      if (code === 0) console.log(`Unsteady, because they passed alone: ${names}`);
      worst = Math.max(worst, code);
    }
    return worst;
  }

  /**
   * `files` are those with failed tests, which may be none although `code` is not 0: mocha fails also when it
   * cannot load a file.
   * @returns {Promise<{ code: number, files: string[] }>}
   */
  #mocha(name, args, env) {
    if (this.#isStopped) return Promise.resolve({ code: 1, files: [] });
    console.log(`\nThe suite, ${name}`);
    const list = join(this.#folder, `${name.split(':')[0]}.json`);
    this.#running = spawn(this.#node, [MOCHA, '--reporter', REPORTER, ...args], {
      cwd: ROOT,
      stdio: 'inherit',
      env: { ...this.#env, ...env, MULTILANE_FAILED_FILES: list },
    });
    return new Promise((resolve, reject) => {
      this.#running.once('error', reject);
      this.#running.once('close', (code) => resolve({ code: code ?? 1, files: readFiles(list) }));
    });
  }
}

function readFiles(list) {
  try {
    return JSON.parse(readFileSync(list, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}
