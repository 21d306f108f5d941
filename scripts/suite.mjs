// Runs mocha in parts, and once more the few files that have failed, alone: tests of whole processes share the
// processors with others, so what passes then is called unsteady and shown with its failure. What fails again
// has failed.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MOCHA = join(ROOT, 'node_modules/mocha/bin/mocha.js');
const REPORTER = join(ROOT, 'scripts/failed-files.cjs');
/** With more files than these, the fault is not in the tests. */
const MOST_REPEATED = 6;

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
   * @param parts the arguments of mocha for each
   * @param common arguments of all runs
   * @returns the exit code
   */
  async run(parts, common) {
    const runs = [];
    for (const [at, args] of parts.entries())
      runs.push(await this.#mocha(`part ${at + 1} of ${parts.length}`, [...args, ...common]));
    const failed = runs.filter(({ code }) => code !== 0);
    const files = failed.flatMap((part) => part.files);
    const mayRepeat = failed.every((part) => part.files.length > 0) && files.length <= MOST_REPEATED;
    if (failed.length === 0 || this.#isStopped || !mayRepeat)
      return Math.max(...runs.map(({ code }) => code));
    const { code } = await this.#mocha('once more: files that have failed beside others', [
      ...files,
      ...common,
    ]);
    const names = files.map((file) => relative(ROOT, file)).join(', ');
    if (code === 0) console.log(`Unsteady, because they passed alone: ${names}`);
    return code;
  }

  /**
   * `files` are those with failed tests, which may be none although `code` is not 0: mocha fails also when it
   * cannot load a file.
   * @returns {Promise<{ code: number, files: string[] }>}
   */
  #mocha(name, args) {
    if (this.#isStopped) return Promise.resolve({ code: 1, files: [] });
    console.log(`\nThe suite, ${name}`);
    const list = join(this.#folder, `${name.split(':')[0]}.json`);
    this.#running = spawn(this.#node, [MOCHA, '--reporter', REPORTER, ...args], {
      cwd: ROOT,
      stdio: 'inherit',
      env: { ...this.#env, MULTILANE_FAILED_FILES: list },
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
