import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import fc from 'fast-check';
import { openFileLimit, openFilesIn } from '#src/config/open-file-limit.js';
import { cleanEnvironment, PRIMARY } from '#test/support/cluster.js';
import { refusal, settings } from './loading.js';

/** Whether Node.js opens all modules of the code at the same time. */
const LOADS_AT_ONCE = Number.parseInt(process.versions.node, 10) < 22;

/**
 * Runs a process with a limit of open files that checks its settings. @returns exit code, stderr and stdout
 */
async function startWith(
  files: number,
  env: Record<string, string>,
): Promise<readonly [number | null, string, string]> {
  const run = spawn(
    'sh',
    ['-c', `ulimit -n ${files} && exec "$0" "$@"`, process.execPath, PRIMARY, '--demo', '--check'],
    { cwd: tmpdir(), env: cleanEnvironment(env) },
  );
  const ended = once(run, 'close');
  const [out, err] = await Promise.all([text(run.stdout), text(run.stderr)]);
  const [code] = (await ended) as [number | null];
  return [code, err, out];
}

describe('the limit of open files', () => {
  it('is the soft limit of proc(5), and practically infinite where that is unlimited or cannot be read', () => {
    const line =
      'Max processes     7 7 processes\nMax open files            1024                 4096    files \n';
    expect(openFilesIn(line)).to.equal(1024);
    const none = Number.MAX_SAFE_INTEGER;
    expect(openFilesIn('Max open files            unlimited  unlimited   files\n')).to.equal(none);
    expect(openFilesIn(undefined)).to.equal(none);
    expect(openFileLimit()).to.be.greaterThan(0);
  });

  it('determines the default of MAX_CONNECTIONS: at most nine tenths of it, and the files for workers and the process remain', async () => {
    const most = async (openFiles: number, ...argv: string[]): Promise<number> =>
      (await settings({ openFiles, argv })).maxConnections;
    expect(await most(20_000, '--workers', '4')).to.equal(18_000);
    expect(await most(1024, '--workers', '2')).to.equal(1024 - 128 - 32);
    expect(await most(1024, '--workers', '16')).to.equal(1024 - 128 - 256);
    expect(await most(Number.MAX_SAFE_INTEGER)).to.equal(1_048_576);
    expect(await most(20_000, '--max-connections', '5')).to.equal(5);
  });

  it('prevents the start when it leaves fewer than 64 connections, unless MAX_CONNECTIONS is set', async () => {
    const argv = ['--workers', '2'];
    expect((await settings({ openFiles: 224, argv })).maxConnections).to.equal(64);
    for (const openFiles of [223, 120, 1]) {
      expect(await refusal({ openFiles, argv })).to.match(
        new RegExp(`^78 MAX_CONNECTIONS: the limit of ${openFiles} open files .* at least 224 .*WORKERS`),
      );
    }
    const set = ['--max-connections', '5'];
    expect((await settings({ openFiles: 223, argv: [...argv, ...set] })).maxConnections).to.equal(5);
  });

  it('refuses a MAX_CONNECTIONS that leaves too few files for workers and the process, with the formula', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 208, max: 2_000_000 }),
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: -2, max: 2 }),
        async (openFiles, workers, beyond) => {
          const most = openFiles - 128 - 16 * workers;
          const connections = most + beyond;
          fc.pre(connections >= 1 && connections <= 1_048_576);
          const options = {
            openFiles,
            argv: ['--workers', String(workers), '--max-connections', String(connections)],
          };
          if (beyond <= 0) expect((await settings(options)).maxConnections).to.equal(connections);
          else {
            expect(await refusal(options)).to.match(
              new RegExp(
                `^78 --max-connections: ${connections} connections leave .* 128 \\+ 16 x WORKERS = ${128 + 16 * workers} .*` +
                  `${most > 0 ? `set at most ${most}, or ` : ''}raise the limit to at least ${openFiles + beyond} `,
              ),
            );
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is advised to be raised to the smallest sufficient limit, whatever the settings are', async () => {
    const facts = fc.record({
      openFiles: fc.integer({ min: 1, max: 1200 }),
      workers: fc.integer({ min: 1, max: 64 }),
      connections: fc.option(fc.integer({ min: 1, max: 500 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(facts, async ({ openFiles, workers, connections }) => {
        const set = connections === undefined ? [] : ['--max-connections', String(connections)];
        const argv = ['--workers', String(workers), ...set];
        const refusalWith = (files: number, ...more: string[]): Promise<string | undefined> =>
          refusal({ openFiles: files, argv: [...argv, ...more] }).catch(() => undefined);
        const refused = await refusalWith(openFiles);
        if (refused === undefined) return;
        const [, advised] = /at least (\d+) \(ulimit/.exec(refused) ?? [];
        expect(await refusalWith(Number(advised)), refused).to.equal(undefined);
        expect(await refusalWith(Number(advised) - 1), refused).to.match(/^78 /);
        const [, most] = /set (?:MAX_CONNECTIONS to )?at most (\d+)/.exec(refused) ?? [];
        if (most === undefined) {
          expect(await refusalWith(openFiles, '--max-connections', '1'), refused).to.match(/^78 /);
        } else {
          expect(await refusalWith(openFiles, '--max-connections', most), refused).to.equal(undefined);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('is advised for the workers of gRPC as well, where there are several', async () => {
    const argv = ['--workers', '2', '--grpc-workers', '4'];
    const advice = /at least 272 \(ulimit -n, LimitNOFILE=\) for WORKERS 2 and GRPC_WORKERS 4/;
    expect(await refusal({ openFiles: 271, argv })).to.match(advice);
    expect((await settings({ openFiles: 272, argv })).maxConnections).to.equal(64);
  });

  it('is told to be too low when the code cannot be loaded with it', async function () {
    if (process.platform !== 'linux') this.skip();
    const [refused, told] = await startWith(30, {});
    expect(refused).to.equal(78);
    // Newer versions of Node.js read one module after the other, and load the code with few files.
    expect(told).to.match(
      LOADS_AT_ONCE
        ? /^multilane: the limit of open files is too low .*raise it .*\n$/
        : /^multilane: MAX_CONNECTIONS: a limit of 30 open files is too low .*raise the limit .*\n$/,
    );
  });

  for (const files of [60, 130, 200]) {
    it(`is advised for the configured number of workers by a process with ${files} files`, async function () {
      if (process.platform !== 'linux') this.skip();
      this.timeout(20_000);
      const [refused, advised] = await startWith(files, { WORKERS: '8' });
      expect(refused).to.equal(78);
      expect(advised).to.match(/raise the limit to at least 320 \(.* for WORKERS 8\n$/);
      if (files < 200) return;
      expect((await startWith(319, { WORKERS: '8' }))[0]).to.equal(78);
      expect((await startWith(320, { WORKERS: '8' }))[0]).to.equal(0);
    });
  }

  for (const [files, most] of [
    [80, undefined],
    [120, undefined],
    [256, 256 - 128 - 32],
    [1024, 1024 - 128 - 32],
  ] as const) {
    it(`is the one with which the process was started: ${files}`, async function () {
      if (process.platform !== 'linux') this.skip();
      this.timeout(20_000);
      const [code, err, out] = await startWith(files, { WORKERS: '2' });
      expect(code, err).to.equal(most === undefined ? 78 : 0);
      if (most === undefined) expect(err).to.match(/^multilane: MAX_CONNECTIONS: .*ulimit -n.*\n$/);
      else expect(out).to.match(new RegExp(`MAX_CONNECTIONS\\b.*\\b${most}\\b`));
    });
  }
});
