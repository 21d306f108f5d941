import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { Countdown } from '#src/countdown.js';
import type { Embedded, EmbeddedOptions } from '#src/postgres/embedded.js';
import { isInPlace } from '#src/postgres/embedded-stop.js';
import { startEmbedded } from '#src/postgres/start-embedded.js';
import { folderIdentityOf } from '#src/process/folder-identity.js';
import { acquireOwnerLock } from '#src/process/owner-lock.js';
import { childrenOf } from '#src/process/proc.js';
import { isProcessAlive } from '#src/process/process-identity.js';
import { newDataDir } from '#src/testing/data-dir.js';
import { SOLE_OWNER } from '#src/testing/postgres.js';
import { hangPool } from '#test/support/hung-pool.js';
import { silentLog } from '#test/support/silent-log.js';
import { deferred } from '../db/fixtures/deferred.js';

/** About the time that the end of a process leaves for PostgreSQL. */
const STOP_MS = 1_500;

describe('the stop of the embedded PostgreSQL', () => {
  let root: string;
  let dataDir: string;
  const signal = new AbortController().signal;

  before(async () => {
    root = newDataDir();
    dataDir = join(root, 'data');
    await mkdir(dataDir);
  });
  after(() => rm(root, { recursive: true, force: true }));

  const start = (options: Partial<EmbeddedOptions> = {}): Promise<Embedded> =>
    startEmbedded({ dataDir, socketDir: join(root, 'socket'), log: silentLog, ...SOLE_OWNER, ...options });
  const stopped = async (postgres: Embedded): Promise<void> => {
    const countdown = new Countdown(STOP_MS);
    await postgres.stop(countdown).finally(() => countdown.cancel());
  };

  /** Stops PostgreSQL while it is being started again after a kill, and all pool threads hang. */
  const stopAfterKill = async (postgres: Embedded): Promise<void> => {
    const ended = deferred<string>();
    postgres.onExit(ended.resolve);
    const release = hangPool();
    try {
      process.kill(postgres.pid, 'SIGKILL');
      await ended.promise;
      await stopped(postgres);
    } finally {
      await release();
    }
  };

  for (const [owner, slot] of [
    ['the only owner', null],
    ['an owner that may have a successor', '5'],
  ] as const) {
    it(`by ${owner} leaves no process while all pool threads hang`, async () => {
      const lock = await acquireOwnerLock({ folder: dataDir, slot, log: silentLog });
      const postgres = await start({ lock, signal });
      const all = [postgres.pid, ...childrenOf(postgres.pid)];
      const release = hangPool();
      try {
        await stopped(postgres);
        expect(all.filter(isProcessAlive)).to.deep.equal([]);
      } finally {
        await release();
        await lock.release();
      }
    });
  }

  it('leaves no process if PostgreSQL is being started again and all pool threads hang', async () => {
    const postgres = await start();
    const all = [postgres.pid, ...childrenOf(postgres.pid)];
    await stopAfterKill(postgres);
    while (all.some(isProcessAlive)) await new Promise(setImmediate); // its children notice its end by themselves
    await stopped(await start());
  });

  it('ends when a process that has not noticed the end of PostgreSQL is left and all pool threads hang', async () => {
    const postgres = await start();
    const [child] = childrenOf(postgres.pid);
    process.kill(child!, 'SIGSTOP');
    await stopAfterKill(postgres);
    process.kill(child!, 'SIGKILL');
    while (isProcessAlive(child!)) await new Promise(setImmediate);
    await stopped(await start());
  });

  it('makes no new folder at the path of one that was moved', async () => {
    const failed = deferred<unknown>();
    const error = (first: unknown): void => {
      if (typeof first === 'object') failed.resolve(first);
    };
    const postgres = await start({ log: { ...silentLog, error } });
    const moved = `${dataDir}-moved`;
    await rename(dataDir, moved);
    process.kill(postgres.pid, 'SIGKILL');
    expect(String(((await failed.promise) as { err: Error }).err))
      .to.include(dataDir)
      .and.include('moved');
    expect(existsSync(dataDir)).to.equal(false);
    await stopped(postgres);
    await rename(moved, dataDir);
    await stopped(await start());
  });
});

describe('the folder of a postmaster', () => {
  let folder: string;
  const countdown = new Countdown(60_000);
  before(() => {
    folder = newDataDir();
  });
  after(async () => {
    countdown.cancel();
    await rm(folder, { recursive: true });
  });

  it('is at its path when the postmaster works there', async () => {
    const place = await folderIdentityOf(folder);
    expect(await isInPlace(folder, folder, place, countdown)).to.equal(true);
    expect(await isInPlace(`${folder}-moved`, folder, place, countdown)).to.equal(false);
  });

  it('is at its path when the folder there is the same, if the working folder cannot be read', async () => {
    const place = await folderIdentityOf(folder);
    expect(await isInPlace(undefined, folder, place, countdown)).to.equal(true);
    expect(await isInPlace(undefined, folder, await folderIdentityOf('/'), countdown)).to.equal(false);
    expect(await isInPlace(undefined, `${folder}-moved`, place, countdown)).to.equal(false);
  });

  it('counts as moved when the disk does not respond in time', async () => {
    const place = await folderIdentityOf(folder);
    const short = new Countdown(100);
    const release = hangPool();
    try {
      expect(await isInPlace(undefined, folder, place, short)).to.equal(false);
    } finally {
      short.cancel();
      await release();
    }
  });
});
