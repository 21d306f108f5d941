import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { multilane } from '#test/support/cli.js';
import { launchCluster, newDataDir } from '#test/support/cluster.js';
import { runPrimary } from '#test/support/command.js';
import { leftovers, reap } from '#test/support/leftovers.js';

const preload = fileURLToPath(new URL('./fixtures/signal-at-entry.js', import.meta.url));
const env = { NODE_OPTIONS: `--import ${preload}` };

describe('a signal at the moment in which a process becomes the owner of DATA_DIR', function () {
  this.timeout(90_000);
  let dataDir: string;
  beforeEach(() => {
    dataDir = newDataDir();
  });
  afterEach(async () => {
    await reap(dataDir);
    rmSync(dataDir, { recursive: true });
  });

  const ways = {
    'a start': async () => (await runPrimary({ dataDir, env })).code,
    'a migration': async () =>
      (await multilane(['migrate', '--demo'], { env: { ...env, DATA_DIR: dataDir } })).code,
  };
  for (const [what, run] of Object.entries(ways)) {
    it(`ends ${what} in order: the owner is marked as released`, async () => {
      expect(await run()).to.equal(what === 'a start' ? 0 : 1);
      const entries = readdirSync(dataDir).filter((name) => name.startsWith('owner-'));
      expect(entries).to.have.members(['owner-1.json', 'owner-1.released']);
    });
  }

  it('ends a PostgreSQL that an earlier owner has left running, however the process ends', async () => {
    for (const run of Object.values(ways)) {
      const killed = launchCluster({ dataDir });
      await killed.ready();
      killed.signal('SIGKILL');
      await killed.exited;
      expect(leftovers(dataDir), 'PostgreSQL').to.have.length.above(0);
      await run();
      expect(leftovers(dataDir)).to.deep.equal([]);
    }
  });
});
