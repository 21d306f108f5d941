import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import type { FromWorker } from '#src/cluster/messages.js';
import { openPathsOf } from '#test/support/open-files.js';

const MODULES = 40;

describe('a thread that cannot load one of its modules', () => {
  const folder = mkdtempSync(join(tmpdir(), 'multilane-modules-'));
  const config = join(folder, 'config.mjs');
  before(function () {
    if (process.platform !== 'linux') this.skip();
    const names = Array.from({ length: MODULES }, (_, index) => `m${index}.mjs`);
    for (const name of names) writeFileSync(join(folder, name), `// ${'x'.repeat(100_000)}`);
    writeFileSync(config, ['absent.mjs', ...names].map((name) => `import './${name}';`).join('\n'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('leaves no file of the other modules open', async () => {
    for (let starts = 0; starts < 3; starts++) {
      const thread = new Worker(new URL('./opening-thread.js', import.meta.url), {
        workerData: {
          settings: { unhandledRejection: 'replace' },
          instanceId: pathToFileURL(config).href,
        },
      });
      const [message] = (await once(thread, 'message')) as [FromWorker];
      expect(message).to.include({ type: 'leaving', reason: 'start-failed' });
      thread.postMessage({ type: 'detached', withinMs: 0 });
      await once(thread, 'exit');
    }
    expect(openPathsOf(process.pid).filter((path) => path.startsWith(folder))).to.deep.equal([]);
  });
});
