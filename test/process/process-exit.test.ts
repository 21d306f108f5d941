import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { newSeed, seeded } from '#test/support/random.js';
import type { Kind } from './fixtures/stuck-process.js';
import { HOLDS } from './held-holds.js';

const PROGRAM = fileURLToPath(new URL('./fixtures/stuck-process.js', import.meta.url));

const run = (kind: Kind, code: number) => {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, kind, String(code)]);
  return { status, signal, stdout: String(stdout), stderr: String(stderr) };
};

const HELD = fileURLToPath(new URL('./fixtures/held-process.js', import.meta.url));
const TOO_LONG_MS = 15_000;

const STARTING = fileURLToPath(new URL('./fixtures/starting-process.js', import.meta.url));
/** Exits while threads start: as many at the same time as keep two processors busy. */
const [AT_ONCE, EXITS] = [2, 16] as const;
const MAY_BE_KILLED = 2;
const MOST_THREADS = 4;
const LATEST_MS = 150;

describe('exitProcess', () => {
  for (const hold of HOLDS) {
    it(`ends the process although this holds it up: ${hold}`, function () {
      this.timeout(60_000);
      const folder = mkdtempSync(join(tmpdir(), 'multilane-exit-'));
      const fifo = join(folder, 'fifo');
      execFileSync('mkfifo', [fifo]);
      try {
        const options = { timeout: TOO_LONG_MS, killSignal: 'SIGTERM' } as const;
        const { status, signal, stdout } = spawnSync(process.execPath, [HELD, hold, '7', fifo], options);
        expect(String(stdout)).to.equal('held');
        // Before Node.js 22.15 there is no way to end with a code while a file, a hash or a listener does.
        expect(status ?? signal).to.be.oneOf([7, 'SIGKILL', 'SIGABRT', 'SIGSEGV']);
        if (hold === 'throwing' || hold === 'deciding' || hold === 'native thread')
          expect(status).to.equal(7);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }

  for (const kind of ['none', 'idle', 'loop', 'garbage', 'hash', 'wait'] as const) {
    it(`exits with the given code and runs the listeners of exit, with threads of the kind ${kind}`, function () {
      this.timeout(60_000);
      for (let time = 0; time < 2; time += 1) {
        expect(run(kind, 70)).to.deep.equal({ status: 70, signal: null, stdout: 'ended 70', stderr: '' });
      }
    });
  }

  it('can exit with every code that a process may have', function () {
    this.timeout(60_000);
    for (const code of [0, 1, 63, 64, 255]) {
      expect(run('loop', code)).to.include({ status: code, stdout: `ended ${code}` });
    }
  });

  const seed = newSeed();
  it(`exits with the given code while threads start (SEED=${seed})`, async function () {
    this.timeout(60_000);
    const random = seeded(seed);
    const within = (most: number): number => Math.floor(random() * most);
    const exits = Array.from({ length: EXITS }, () => [
      within(256),
      1 + within(MOST_THREADS),
      within(LATEST_MS),
    ]);
    const next = exits.values();
    const ended: unknown[] = [];
    const runAll = async (): Promise<void> => {
      for (const numbers of next) {
        const program = spawn(process.execPath, [STARTING, ...numbers.map(String)], { stdio: 'ignore' });
        const [status, signal] = await once(program, 'exit');
        ended.push(status === numbers[0] ? 'code' : (signal ?? status));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, runAll));
    // The time of an exit may be over before all threads are blocked if the machine is overloaded. The
    // process is killed then, but never crashes.
    expect(ended).to.have.lengthOf(EXITS);
    expect(ended.filter((end) => end !== 'code' && end !== 'SIGKILL')).to.deep.equal([]);
    expect(ended.filter((end) => end === 'code')).to.have.lengthOf.at.least(EXITS - MAY_BE_KILLED);
  });
});
