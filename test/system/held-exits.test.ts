// Every exit ends the process, also while code of the project waits in a pool thread for a file
// that hangs.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { multilane } from '#test/support/cli.js';
import { newDataDir } from '#test/support/cluster.js';
import { runPrimary } from '#test/support/command.js';

const RUNTIME = import.meta.resolve('multilane');

describe('a process whose configuration waits for a file that hangs', function () {
  this.timeout(30_000);
  let dataDir: string;
  let config: string;
  beforeEach(() => {
    dataDir = newDataDir();
    execFileSync('mkfifo', [join(dataDir, 'fifo')]);
    config = join(dataDir, 'held.config.mjs');
    writeFileSync(
      config,
      `import { readFile } from 'node:fs';
       import { defineConfig, defineService } from '${RUNTIME}';
       readFile(new URL('fifo', import.meta.url), () => {});
       export default defineConfig({ services: [defineService({ name: 'a', routes() {} })] });`,
    );
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  const start = (args: readonly string[], env = {}) =>
    runPrimary({ args: ['--config', config, ...args], dataDir, env });
  const command = (...args: string[]) =>
    multilane([...args, '--config', config], { env: { DATA_DIR: dataDir } });

  const WAYS: Record<
    string,
    { readonly code: number; readonly run: () => Promise<{ readonly code: number | null }> }
  > = {
    'an unknown setting': { code: 78, run: () => start([], { MULTILANE_FOO: '1' }) },
    '--check': { code: 0, run: () => start(['--check']) },
    'multilane routes': { code: 0, run: () => command('routes') },
    'multilane migrate': { code: 0, run: () => command('migrate') },
    'a port that is taken': {
      code: 1,
      run: async () => {
        const other = createServer().listen(0, '127.0.0.1');
        await new Promise((resolve) => other.once('listening', resolve));
        const run = await start([], { PORT: String((other.address() as AddressInfo).port) });
        other.close();
        expect(run.stderr).to.include('the port is taken');
        return run;
      },
    },
  };
  for (const [what, { code, run }] of Object.entries(WAYS)) {
    it(`ends: ${what}`, async () => {
      const ended = await run();
      // The code is null, for an end by a signal, before Node.js 22.15, which cannot end with a code then.
      expect(ended.code).to.be.oneOf([code, null]);
    });
  }
});
