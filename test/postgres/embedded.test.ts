import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import { watchPresence } from '#src/postgres/postgres-presence.js';
import { childrenOf, isTitled } from '#src/process/proc.js';
import { isProcessAlive, signalIfAlive } from '#src/process/process-identity.js';
import { deferred } from '../db/fixtures/deferred.js';
import { rejection } from '../db/fixtures/open.js';
import { query, stopped, useCluster } from './fixtures/test-cluster.js';

describe('the embedded PostgreSQL', () => {
  const { dataDir, socketDir, running, start } = useCluster();

  it('leaves no process when it is stopped, and has its data at the next start', async () => {
    const first = await start();
    await query(first.url, 'create table kept as select 42 as answer');
    await stopped(first);
    expect(isProcessAlive(first.pid)).to.equal(false);
    expect(await readdir(socketDir)).to.deep.equal([]);
    const second = await start();
    expect(second.adopted).to.equal(false);
    expect(await query(second.url, 'select answer from kept')).to.deep.equal([{ answer: 42 }]);
  });

  it('stops while sessions are working', async () => {
    const postgres = await start();
    const client = new pg.Client({ connectionString: postgres.url });
    client.on('error', () => {});
    await client.connect();
    const cut = rejection(client.query('select pg_sleep(60)'));
    await stopped(postgres);
    expect(await cut).to.be.instanceOf(Error);
  });

  it('is started again after a kill -9, with everything that was committed', async () => {
    const postgres = await start();
    await query(postgres.url, 'create table committed as select 1 as n');
    const ended = deferred<string>();
    postgres.onExit(ended.resolve);
    const { pid } = postgres;
    process.kill(pid, 'SIGKILL');
    expect(await ended.promise).to.equal('SIGKILL');
    let rows: unknown;
    while (rows === undefined)
      rows = await query(postgres.url, 'select n from committed').catch(() => undefined);
    expect(rows).to.deep.equal([{ n: 1 }]);
    while (postgres.pid === pid) await new Promise(setImmediate);
    expect(isProcessAlive(postgres.pid)).to.equal(true);
  });

  it('stops in order while it is being started again', async () => {
    const postgres = await start();
    const ended = deferred<string>();
    postgres.onExit(ended.resolve);
    process.kill(postgres.pid, 'SIGKILL');
    await ended.promise;
    await stopped(postgres);
    expect(isProcessAlive(postgres.pid)).to.equal(false);
  });

  it('recovers what was committed after it was discarded', async () => {
    const postgres = await start();
    await query(postgres.url, 'create table last_moment as select 3 as n');
    await postgres.discard();
    await stopped(postgres);
    expect(isProcessAlive(postgres.pid)).to.equal(false);
    expect(await query((await start()).url, 'select n from last_moment')).to.deep.equal([{ n: 3 }]);
  });

  for (const [what, paused] of [
    ['it', (pid: number) => [pid]],
    ['each of its children', childrenOf],
    ['it and each of its children', (pid: number) => [pid, ...childrenOf(pid)]],
  ] as const) {
    it(`stops in time and leaves no process when ${what} is paused (SIGSTOP)`, async () => {
      const postgres = await start();
      const all = [postgres.pid, ...childrenOf(postgres.pid)];
      expect(all).to.have.length.above(3);
      // A session that has just ended may be among them.
      for (const pid of paused(postgres.pid)) signalIfAlive(pid, 'SIGSTOP');
      await stopped(postgres, 1_500);
      expect(all.filter(isProcessAlive)).to.deep.equal([]);
      expect(await query((await start()).url, 'select 1 as n')).to.deep.equal([{ n: 1 }]);
    });
  }

  it('stops the sessions of a killed postmaster', async () => {
    const postgres = await start();
    const all = [postgres.pid, ...childrenOf(postgres.pid)];
    // A process that has just been forked does not have its title yet.
    while (!isTitled(all[1]!, 'postgres: ')) await new Promise(setImmediate);
    process.kill(all[1]!, 'SIGSTOP');
    process.kill(postgres.pid, 'SIGKILL');
    await new Promise<void>((resolve) => postgres.onExit(() => resolve()));
    await stopped(postgres);
    expect(all.filter(isProcessAlive)).to.deep.equal([]);
  });

  it('leaves no session of a killed postmaster when it is discarded, even if its folder was moved', async () => {
    for (const isMoved of [false, true]) {
      const postgres = await start();
      const all = [postgres.pid, ...childrenOf(postgres.pid)];
      process.kill(all[1]!, 'SIGSTOP');
      process.kill(postgres.pid, 'SIGKILL');
      await new Promise<void>((resolve) => postgres.onExit(() => resolve()));
      if (isMoved) await rename(dataDir, `${dataDir}-moved`);
      await postgres.discard();
      expect(all.filter(isProcessAlive)).to.deep.equal([]);
      if (isMoved) await rename(`${dataDir}-moved`, dataDir);
    }
  });

  it('writes nothing more when another folder is at the path of its own', async () => {
    const postgres = await start();
    const moved = `${dataDir}-moved`;
    await rename(dataDir, moved);
    await mkdir(join(dataDir, 'pg/data/global'), { recursive: true });
    const control = join(dataDir, 'pg/data/global/pg_control');
    await writeFile(control, 'of another one');
    await stopped(postgres);
    running.splice(0);
    expect(isProcessAlive(postgres.pid)).to.equal(false);
    expect(await readFile(control, 'utf8')).to.equal('of another one');
    await rm(dataDir, { recursive: true });
    await rename(moved, dataDir);
    await start();
  });

  it('logs one warning when its liveness socket is removed', async () => {
    await start();
    const warned: string[] = [];
    const ended = deferred();
    const warn = (message: string): void => {
      warned.push(message);
      ended.resolve();
    };
    const end = watchPresence(join(dataDir, 'pg'), { warn }, 5);
    await rm(join(dataDir, 'pg/alive.sock'));
    await ended.promise;
    end();
    expect(warned.join()).to.include(join(dataDir, 'pg/alive.sock'));
  });
});
