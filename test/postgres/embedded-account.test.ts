import { chmod, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { StartError } from '#src/errors.js';
import { chooseAccount, requireMapped, requireReachable } from '#src/postgres/embedded-account.js';
import { startEmbedded } from '#src/postgres/start-embedded.js';
import { newDataDir } from '#src/testing/data-dir.js';
import { SOLE_OWNER } from '#src/testing/postgres.js';
import { silentLog } from '#test/support/silent-log.js';
import { rejection } from '../db/fixtures/open.js';
import { stopped } from './fixtures/test-cluster.js';

describe('the account of the embedded PostgreSQL', () => {
  const warnings: string[] = [];
  const log = { warn: (message: string) => warnings.push(message) };

  it('is that of the process, or for root the unprivileged one, with a warning, if there is no account postgres', async () => {
    const account = await chooseAccount('/nonexistent', log, '/dev/null');
    const root = process.getuid?.() === 0;
    expect(account).to.deep.equal(root ? { name: 'nobody', uid: 65534, gid: 65534 } : undefined);
    expect(warnings).to.have.length(root ? 1 : 0);
  });

  it('gets the capability to pass through a private folder of root, and no other one', async function () {
    if (process.getuid?.() !== 0) this.skip();
    const folder = newDataDir();
    await chmod(folder, 0o700);
    const postgres = await startEmbedded({
      dataDir: join(folder, 'data'),
      socketDir: join(folder, 'socket'),
      log: { ...silentLog, ...log },
      ...SOLE_OWNER,
    });
    try {
      expect(warnings.join()).to.include('cannot enter');
      const status = await readFile(`/proc/${postgres.pid}/status`, 'utf8');
      expect(status).to.match(/^Uid:\t[1-9]/m);
      expect(/^CapEff:\t(\w+)$/m.exec(status)?.[1]).to.equal('0000000000000004');
    } finally {
      await stopped(postgres);
      await rm(folder, { recursive: true });
    }
  });

  it('must exist in the user namespace', async () => {
    const account = { name: 'postgres', uid: 108, gid: 112 };
    const mapped = (uid: string, gid: string) => requireMapped(account, async (kind) => ({ uid, gid })[kind]);
    await mapped('         0          0 4294967295\n', '0 1000 1\n1 100000 65536\n');
    for (const [uid, gid, missing] of [
      ['0 1000 1\n', '0 1000 1\n', 'uid 108'],
      ['108 1000 1\n', '0 1000 1\n113 100000 9\n', 'gid 112'],
      ['0 1000 108\n', '0 0 200\n', 'uid 108'],
    ] as const) {
      const error = await rejection(mapped(uid, gid));
      expect(error).to.be.instanceOf(StartError);
      expect(error.message).to.include('"postgres"').and.include(missing).and.include('DATABASE_URL');
    }
    await requireMapped(account, () => Promise.reject(new Error('no /proc')));
  });

  it('may enter a folder only if the mode of the folder permits it', async () => {
    const folder = newDataDir();
    const stranger = { name: 'stranger', uid: 54321, gid: 54321 };
    await requireReachable(join(folder, 'x'), stranger);
    await chmod(folder, 0o710);
    const error = await rejection(requireReachable(join(folder, 'x'), stranger));
    expect(error.message).to.include('"stranger"').and.include(folder);
    await requireReachable(join(folder, 'x'), { ...stranger, gid: process.getgid?.() ?? 0 });
    await rm(folder, { recursive: true });
  });
});
