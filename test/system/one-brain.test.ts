// The example that shows what one breaker for all workers is worth.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { cleanEnvironment, ROOT } from '#test/support/cluster.js';

const WORKERS = 2;
const ROUNDS = 22;
/** Failures at which a breaker opens. */
const THRESHOLD = 20;
const COMPARE = join(ROOT, 'examples/one-brain/compare.js');

describe('the example one-brain', () => {
  let folder: string;
  let table: string;
  let svg: string;
  before(async function () {
    this.timeout(60_000);
    folder = mkdtempSync(join(tmpdir(), 'one-brain-'));
    const file = join(folder, 'picture.svg');
    const args = [COMPARE, '--workers', String(WORKERS), '--rounds', String(ROUNDS), '--picture', file];
    table = (await promisify(execFile)(process.execPath, args, { env: cleanEnvironment() })).stdout;
    svg = readFileSync(file, 'utf8');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const rowOf = (title: string): readonly number[] => {
    const line = table.split('\n').find((one) => one.startsWith(title)) ?? expect.fail(`no row:\n${table}`);
    return line.slice(title.length).trim().split(/\s+/).map(Number);
  };

  it('opens one breaker after twenty failures of all workers together', () => {
    const requests = WORKERS * ROUNDS;
    const row = rowOf('Multilane, one breaker for all workers');
    expect(row).to.deep.equal([WORKERS, requests, THRESHOLD, requests - THRESHOLD]);
  });

  it('needs twenty failures in each worker where nothing is shared', () => {
    const [requests, called] = [WORKERS * ROUNDS, WORKERS * THRESHOLD];
    const row = rowOf('node:cluster, a breaker in each worker');
    expect(row).to.deep.equal([WORKERS, requests, called, requests - called]);
  });

  it('names an option that is wrong, without a stack', () => {
    const refusals = {
      '--workers abc': '--workers is "abc": give a whole number from 1 to 256',
      '--workers 0': '--workers is "0": give a whole number from 1 to 256',
      '--rounds 1.5': '--rounds is "1.5": give a whole number from 1 to 1000',
    };
    for (const [given, said] of Object.entries(refusals)) {
      const run = spawnSync(process.execPath, [COMPARE, ...given.split(' ')], {
        env: cleanEnvironment(),
        encoding: 'utf8',
      });
      expect(run).to.include({
        status: 78,
        stdout: '',
        stderr: `one-brain: ${said} (--help shows the options)\n`,
      });
    }
    const { stderr } = spawnSync(process.execPath, [COMPARE, '--worker', '2'], {
      env: cleanEnvironment(),
      encoding: 'utf8',
    });
    expect(stderr).to.match(/^one-brain: .*--worker\b.*\n$/);
  });

  it('names every option in its help', () => {
    const run = spawnSync(process.execPath, [COMPARE, '--help'], {
      env: cleanEnvironment(),
      encoding: 'utf8',
    });
    expect(run).to.include({ status: 0, stderr: '' });
    for (const option of ['workers', 'rounds', 'picture', 'help'])
      expect(run.stdout).to.include(`\n  --${option} `);
  });

  it('draws every request as a square', () => {
    const squares = (name: string): number => svg.split(`<rect class="${name}"`).length - 1;
    // One more of each kind explains the colours.
    expect(squares('called')).to.equal(THRESHOLD * (1 + WORKERS) + 1);
    expect(squares('refused')).to.equal(2 * WORKERS * ROUNDS - THRESHOLD * (1 + WORKERS) + 1);
  });

  it('has the picture in the docs that its README describes', () => {
    const page = readFileSync(join(ROOT, 'examples/one-brain/README.md'), 'utf8');
    const shown = readFileSync(join(ROOT, 'docs/images/one-brain.svg'), 'utf8');
    const [, one, each] = /(\d+) with Multilane, (\d+) with a breaker in each worker/.exec(page)!;
    expect(shown).to.include(`workers: ${one} failed calls`).and.include(`each worker: ${each} failed calls`);
  });
});
