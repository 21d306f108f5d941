// Data folders with a PostgreSQL that an earlier start has made. Making one takes half a second of a core,
// and the databases of the reference shop take as much again; a copy takes a tenth of that. Each kind is made
// at its first use and kept in a folder that all processes of one run of mocha share. Loaded by
// .mocharc.json.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newDataDir } from '#src/testing/data-dir.js';

/** Variable with the path of the shared folder. The processes of `--parallel` inherit it. */
const VARIABLE = 'TEST_MADE_DATA';

export const mochaGlobalSetup = (): void => {
  process.env[VARIABLE] = mkdtempSync(join(tmpdir(), 'multilane-test-made-'));
};

export const mochaGlobalTeardown = (): void =>
  rmSync(process.env[VARIABLE]!, { recursive: true, force: true });

/**
 * Fills a new data folder with a copy of one that is made already. Outside a run of mocha, the folder stays
 * empty.
 * @param make starts what makes such a folder, in the folder that it is called with, and ends it in order
 */
export async function copyData(
  kind: string,
  dataDir: string,
  make: (dataDir: string) => Promise<void>,
): Promise<void> {
  const folder = process.env[VARIABLE];
  if (folder === undefined) return;
  const made = join(folder, kind);
  if (!existsSync(made)) await makeAt(made, make);
  const target = join(dataDir, 'pg');
  mkdirSync(target);
  // `cp -a` keeps the owner: PostgreSQL does not run as root.
  execFileSync('cp', ['-a', join(made, 'data'), join(made, 'password'), target]);
}

async function makeAt(made: string, make: (dataDir: string) => Promise<void>): Promise<void> {
  const dataDir = newDataDir();
  try {
    await make(dataDir);
    const pg = join(dataDir, 'pg');
    for (const rest of ['socket', 'alive.sock', 'postgres.log']) {
      rmSync(join(pg, rest), { recursive: true, force: true });
    }
    renameSync(pg, made);
  } catch (error) {
    // Another process has made it meanwhile.
    if (!existsSync(made)) throw error;
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}
