import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Countdown } from '#src/countdown.js';
import { stopUnused } from '#src/postgres/embedded-stop.js';
import { startEmbedded } from '#src/postgres/start-embedded.js';
import { childrenOf } from '#src/process/proc.js';
import { isProcessAlive } from '#src/process/process-identity.js';
import { SOLE_OWNER } from '#src/testing/postgres.js';
import { canLimitFiles, withoutFiles } from '#test/support/open-files.js';
import { silentLog } from '#test/support/silent-log.js';
import { deferred } from '../db/fixtures/deferred.js';
import { rejection } from '../db/fixtures/open.js';
import { query, STOP_MS, stopped, useCluster } from './fixtures/test-cluster.js';

describe('the start of the embedded PostgreSQL on a folder where one may run', () => {
  const { root, dataDir, socketDir, running, start, refusedStart, startAndKillOwner } = useCluster();

  it('adopts the PostgreSQL of an owner that was killed, and stops it in the end', async () => {
    const { pid } = await startAndKillOwner();
    const postgres = await start();
    expect(postgres).to.include({ pid, adopted: true, maxConnections: 100 });
    expect(await query(postgres.url, 'select 1 as n')).to.deep.equal([{ n: 1 }]);
    await stopped(postgres);
    expect(isProcessAlive(pid)).to.equal(false);
  });

  it('starts an adopted PostgreSQL again when it ends', async () => {
    const { pid } = await startAndKillOwner();
    const postgres = await start();
    const ended = deferred<string>();
    postgres.onExit(ended.resolve);
    process.kill(pid, 'SIGKILL');
    await ended.promise;
    let rows: unknown;
    while (rows === undefined) rows = await query(postgres.url, 'select 2 as n').catch(() => undefined);
    expect(rows).to.deep.equal([{ n: 2 }]);
  });

  it('recognizes an adopted PostgreSQL even if its folder is moved', async () => {
    const { pid } = await startAndKillOwner();
    const postgres = await start();
    let hasEnded = false;
    postgres.onExit(() => {
      hasEnded = true;
    });
    const moved = `${dataDir}-moved`;
    await rename(dataDir, moved);
    await sleep(150); // it is checked every 50 ms
    expect(hasEnded, 'its end was reported').to.equal(false);
    await stopped(postgres);
    running.splice(0);
    expect(isProcessAlive(pid)).to.equal(false);
    await rename(moved, dataDir);
    await start();
  });

  it('starts PostgreSQL when both the earlier one and its owner were killed', async () => {
    const { pid } = await startAndKillOwner();
    process.kill(pid, 'SIGKILL');
    expect((await start()).adopted).to.equal(false);
  });

  it('adopts a PostgreSQL whose folder is a link to another disk, and stops it in order', async () => {
    await stopped(await start());
    const elsewhere = join(root, 'elsewhere');
    await rename(join(dataDir, 'pg'), elsewhere);
    await symlink(elsewhere, join(dataDir, 'pg'));
    const warnings: string[] = [];
    const log = { ...silentLog, warn: (text: string) => void warnings.push(text) } as typeof silentLog;
    const first = await startEmbedded({ dataDir, socketDir, log, ...SOLE_OWNER });
    const second = await startEmbedded({ dataDir, socketDir, log, ...SOLE_OWNER });
    expect([second.adopted, second.pid]).to.deep.equal([true, first.pid]);
    await stopped(second);
    await stopped(first);
    expect(isProcessAlive(first.pid)).to.equal(false);
    expect(warnings.filter((text) => text.includes('killed'))).to.deep.equal([]);
    await rm(join(dataDir, 'pg'));
    await rename(elsewhere, join(dataDir, 'pg'));
  });

  it('does not start while a single process of an earlier PostgreSQL lives, whatever the pid file has', async () => {
    const { pid } = await startAndKillOwner();
    const [orphan, ...others] = childrenOf(pid);
    process.kill(orphan!, 'SIGSTOP');
    process.kill(pid, 'SIGKILL');
    while ([pid, ...others].some(isProcessAlive)) await new Promise(setImmediate);
    expect(await refusedStart()).to.include(`pid ${orphan}`);
    await rm(join(dataDir, 'pg/data/postmaster.pid'));
    expect(await refusedStart()).to.include(`pid ${orphan}`);
    const countdown = new Countdown(STOP_MS);
    await stopUnused({ dataDir, lock: SOLE_OWNER.lock, log: silentLog }, countdown);
    countdown.cancel();
    expect(isProcessAlive(orphan!)).to.equal(false);
    await start();
  });

  it('does not start and removes nothing while it is not known whether another PostgreSQL runs', async () => {
    await stopped(await start());
    for (const name of ['data/postmaster.pid', 'alive.sock']) {
      const path = join(dataDir, 'pg', name);
      await rm(path, { force: true });
      await symlink(basename(path), path); // ELOOP
      expect(await refusedStart())
        .to.include(name === 'alive.sock' ? path : dirname(path))
        .and.include('ELOOP');
      expect((await lstat(path)).isSymbolicLink(), name).to.equal(true);
      await rm(path);
    }
  });

  it('does not start without file descriptors, and adopts the running PostgreSQL once there are some', async function () {
    if (!canLimitFiles()) this.skip();
    const { pid } = await startAndKillOwner();
    const files = ['pg/alive.sock', 'pg/data/postmaster.pid'].map((file) => join(dataDir, file));
    const inodes = () => Promise.all(files.map(async (file) => (await stat(file)).ino));
    const before = await inodes();
    await withoutFiles(() => rejection(start()));
    expect(await inodes()).to.deep.equal(before);
    expect((await start()).pid).to.equal(pid);
  });

  it('names a PostgreSQL that runs on the same folder by another path', async function () {
    const { pid } = await startAndKillOwner();
    const other = join(root, 'bound');
    await mkdir(other);
    const isBound = spawnSync('mount', ['--bind', dataDir, other]).status === 0;
    try {
      if (!isBound) this.skip();
      const options = { dataDir: other, socketDir, log: silentLog, ...SOLE_OWNER, orphansMs: 200 };
      expect((await rejection(startEmbedded(options))).message).to.include(`pid ${pid}`);
    } finally {
      if (isBound) spawnSync('umount', [other]);
      await rm(other, { recursive: true });
      await start();
    }
  });

  it('names a running PostgreSQL that is stopped (SIGSTOP), and adopts it once it is continued', async function () {
    this.timeout(20_000);
    const { pid } = await startAndKillOwner();
    process.kill(pid, 'SIGSTOP');
    expect(await refusedStart())
      .to.include(`pid ${pid}`)
      .and.include(dataDir)
      .and.include(`kill -CONT ${pid}`);
    process.kill(pid, 'SIGCONT');
    expect((await start()).pid).to.equal(pid);
  });

  it('names a PostgreSQL that is stopped while it is waited for', async function () {
    this.timeout(30_000);
    const { pid } = await startAndKillOwner();
    const socket = join(socketDir, '.s.PGSQL.5432');
    await rename(socket, `${socket}-aside`);
    // It is stopped when the start has found it running and has connected: no response ever comes.
    const silent = createServer((connection) => {
      connection.resume();
      process.kill(pid, 'SIGSTOP');
    }).listen(socket);
    await once(silent, 'listening');
    try {
      expect(await refusedStart()).to.include(`kill -CONT ${pid}`);
    } finally {
      process.kill(pid, 'SIGCONT');
      await new Promise((resolve) => silent.close(resolve));
      await rename(`${socket}-aside`, socket);
    }
    expect((await start()).pid).to.equal(pid);
  });

  it('does not adopt a PostgreSQL whose folder was moved while it ran', async () => {
    const { pid } = await startAndKillOwner();
    const moved = `${dataDir}-moved`;
    await rename(dataDir, moved);
    const options = { dataDir: moved, socketDir, log: silentLog, ...SOLE_OWNER };
    for (const isThere of [true, false]) {
      if (!isThere) await rename(socketDir, `${socketDir}-moved`);
      const { message } = await rejection(startEmbedded(options));
      expect(message).to.include(`pid ${pid}`).and.include('moved');
    }
    await rename(`${socketDir}-moved`, socketDir);
    await rename(moved, dataDir);
    await start();
  });

  it('does not start beside a PostgreSQL that cannot be seen but accepts connections', async () => {
    const socket = join(root, 'aside.sock');
    const stranger = createServer((connection) => connection.destroy()).listen(socket);
    await once(stranger, 'listening');
    await mkdir(socketDir, { recursive: true });
    await rename(socket, join(socketDir, '.s.PGSQL.5432'));
    try {
      expect(await refusedStart())
        .to.include('cannot be seen')
        .and.include(join(dataDir, 'pg/data'));
    } finally {
      await new Promise((resolve) => stranger.close(resolve));
    }
    await start();
  });
});
