// A project of a user, as `multilane new` writes it, with the package installed as a link to this
// build.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { multilane, Project, type Ran } from '#test/support/cli.js';
import { closeIdleConnections, get, json } from '#test/support/client.js';
import { CLI, cleanEnvironment, within } from '#test/support/cluster.js';
import { nodeTest } from '#test/support/node-test.js';
import { until } from '#test/support/until.js';
import { useSharedShop } from './shop.js';

describe('multilane new --js', () => {
  const project = new Project();
  const folder = join(project.folder, 'web-shop');
  let made: Ran;
  before(async () => {
    made = await multilane(['new', 'web-shop', '--js'], { cwd: project.folder });
    project.install(folder);
  });
  after(() => project.remove());

  it('writes a project that depends on this version, and prints the next steps', () => {
    expect(made).to.include({ code: 0, stderr: '' });
    expect(made.stdout).to.include('cd web-shop\n  npm install\n  npm run dev\n');
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
    const ours = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(JSON.parse(read('package.json'))).to.deep.include({
      name: 'web-shop',
      dependencies: { multilane: `^${ours.version}` },
    });
    expect(read('README.md'))
      .to.match(/^# web-shop\n/)
      .and.not.include('{{');
    expect(read('.gitignore')).to.include('node_modules/');
  });

  it('writes a project whose own tests pass: they inject requests, and start it', async function () {
    this.timeout(60_000);
    const { code, output } = await nodeTest(folder);
    expect(code, output).to.equal(0);
    expect(output).to.match(/^# pass 8$/m);
  });

  it('refuses a folder that is not empty, and leaves it as it is', async () => {
    const before = readFileSync(join(folder, 'package.json'), 'utf8');
    const run = await multilane(['new', 'web-shop', '--name', 'other'], { cwd: project.folder });
    expect(run).to.include({ code: 1, stdout: '' });
    expect(run.stderr).to.match(/web-shop is not empty/);
    expect(readFileSync(join(folder, 'package.json'), 'utf8')).to.equal(before);
  });

  it('accepts a name where that of the folder is not allowed', async () => {
    expect(await multilane(['new', 'Web Shop', '--name', 'shop'], { cwd: project.folder })).to.include({
      code: 0,
    });
  });
});

const CONFIG = (response: string): string => `
  import { defineConfig, defineService } from 'multilane';
  const one = defineService({ name: 'one', routes: (app) => app.get('/', () => (${response})) });
  export default defineConfig({ services: [one] });`;

describe('multilane dev', () => {
  it('replaces workers or restarts, goes on serving beside code that does not load, and leaves no process running', async function () {
    this.timeout(180_000);
    const service = (response: string): string => `
      import { defineService } from 'multilane';
      export default defineService({ name: 'one', routes: (app) => app.get('/', () => (${response})) });`;
    const config = (settings: string): string => `
      import { defineConfig } from 'multilane';
      import one from './services/one.js';
      export default defineConfig({ services: [one], ${settings} });`;
    const project = new Project({ 'multilane.config.js': config(''), 'services/one.js': service('1') });
    project.install();
    const args = [
      'dev',
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '--admin-port',
      '0',
      '--workers',
      '2',
      '--stall-ms',
      '20000',
    ];
    const child = spawn(process.execPath, [CLI, ...args], {
      cwd: project.folder,
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exited = once(child, 'exit');
    const logged: string[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => logged.push(line));
    const lines: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => lines.push(line));
    const said = async (begin: string): Promise<void> => {
      const isThere = (): boolean => lines.some((line) => line.startsWith(begin));
      expect(await until(isThere, (yes) => yes), lines.join('\n')).to.equal(true);
    };
    const urls = (): string[] => lines.flatMap((line) => /^multilane ready (\S+)/.exec(line)?.[1] ?? []);
    const served = async (): Promise<unknown> => json(await get(urls().at(-1)!));
    try {
      await said('multilane ready');
      expect(await served()).to.equal(1);
      const requests = (): string[] => logged.filter((line) => line.includes('"msg":"request"'));
      const [request] = await until(requests, (all) => all.length > 0);
      expect(JSON.parse(request!), 'a log line for each request').to.include({ path: '/', status: 200 });
      // The connections of the first request are open, and must not lead to workers with the code before.
      project.write('services/one.js', service('2'));
      await said('multilane dev: services/one.js changed; workers reloaded in ');
      expect(await served()).to.equal(2);
      project.write('services/notes.json', '{}');
      project.write('services/one.js', 'syntax error');
      await said('multilane dev: services/one.js changed; it does not load, so the code before it goes on');
      expect(lines.join('\n')).to.match(/^multilane: services\/one\.js:1: SyntaxError/m);
      expect(await served()).to.equal(2);
      project.write('services/one.js', service('3').replace("'/'", "'no path'"));
      await said('multilane: services/one.js:3:');
      await said('multilane dev: services/one.js changed; no worker can start with it');
      expect(await served()).to.equal(2);
      // A file that a handler imports later, and that does not exist yet.
      const lazy = service('(await import("./later.js")).late').replace('() => (', 'async () => (');
      project.write('services/one.js', lazy);
      await until(
        () => lines.filter((line) => line.includes('workers reloaded')).length,
        (times) => times === 2,
      );
      expect((await get(urls().at(-1)!)).status).to.equal(500);
      project.write('services/later.js', 'export const late = 4;');
      await said('multilane dev: services/later.js changed; workers reloaded in ');
      expect(await served()).to.equal(4);
      expect(urls(), 'one process until now').to.have.length(1);
      closeIdleConnections(); // the next start waits until this process has drained
      project.write('multilane.config.js', config('requestTimeoutMs: 9000'));
      await said('multilane dev: multilane.config.js changed; restarting');
      await said('multilane dev: restarted in ');
      expect(await served()).to.equal(4);
      expect(lines.join('\n')).not.to.include('notes.json');
      closeIdleConnections();
      child.kill('SIGINT');
      expect(await within(10_000, exited, () => lines.join('\n'))).to.deep.equal([0, null]);
      const dashboards = lines.flatMap((line) => /^multilane ready \S+ admin (\S+)$/.exec(line)?.[1] ?? []);
      expect(lines.filter((line) => line.includes('dashboard'))).to.deep.equal(
        dashboards.map((url) => `multilane dev: the dashboard is at ${url}/`),
      );
      const last = urls().at(-1)!;
      expect(await get(last).catch((error: Error) => error.message)).to.equal('fetch failed');
    } finally {
      child.kill('SIGKILL');
      project.remove();
    }
  });

  it('waits for a change when the project does not start, and ends its process when it is killed itself', async function () {
    this.timeout(120_000);
    const project = new Project({ 'multilane.config.js': 'syntax error' });
    project.install();
    const args = [
      'dev',
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '--admin-port',
      '0',
      '--workers',
      '1',
      '--stall-ms',
      '20000',
    ];
    const child = spawn(process.execPath, [CLI, ...args], {
      cwd: project.folder,
      env: cleanEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const lines: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => lines.push(line));
    const said = (begin: string): Promise<boolean> =>
      until(
        () => lines.some((line) => line.startsWith(begin)),
        (yes) => yes,
      );
    try {
      await said('multilane dev: the process has ended (exit code 78); waiting for a change');
      project.write('multilane.config.js', CONFIG('1'));
      expect(await said('multilane ready'), lines.join('\n')).to.equal(true);
      const [, url] = /multilane ready (\S+)/.exec(lines.join('\n'))!;
      child.kill('SIGKILL');
      const isGone = (): Promise<boolean> =>
        get(url!).then(
          () => false,
          () => true,
        );
      expect(await until(isGone, (yes) => yes)).to.equal(true);
    } finally {
      child.kill('SIGKILL');
      project.remove();
    }
  });
});

describe('multilane dev with the embedded PostgreSQL', () => {
  const project = new Project({
    'multilane.config.js': `
      import { defineConfig } from 'multilane';
      import notes from './notes.js';
      export default defineConfig({ services: [notes] });`,
    'notes.js': `
      import { defineService } from 'multilane';
      const migrations = new URL('./migrations/', import.meta.url);
      export default defineService({ name: 'notes', migrations, routes(app, { db }) {
        app.get('/', async () => (await db.one('select count(*)::int as n from note', [])).n);
      } });`,
    'migrations/0001_note.sql': 'create table note (id int); insert into note values (1);',
  });
  const postmaster = join(project.folder, 'data/pg/data/postmaster.pid');
  const pid = (): string | undefined => readFileSync(postmaster, 'utf8').split('\n')[0];
  before(() => project.install());
  let first: string | undefined;
  after(() => {
    // A test that fails leaves PostgreSQL running, as a `dev` that is killed does.
    if (existsSync(postmaster)) process.kill(Number(pid()), 'SIGQUIT');
    project.remove();
  });

  /** Runs until `work` has ended. */
  async function whileRunning(
    work: (served: () => Promise<unknown>, restarted: () => Promise<void>) => Promise<void>,
    end: NodeJS.Signals,
  ): Promise<void> {
    const args = [
      'dev',
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '--admin-port',
      '0',
      '--workers',
      '1',
      '--stall-ms',
      '20000',
    ];
    const child = spawn(process.execPath, [CLI, ...args], {
      cwd: project.folder,
      env: cleanEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const exited = once(child, 'exit');
    const lines: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => lines.push(line));
    const urls = (): string[] => lines.flatMap((line) => /^multilane ready (\S+)/.exec(line)?.[1] ?? []);
    const ready = (times: number): Promise<unknown> =>
      until(urls, (all) => all.length >= times).catch((error: Error) => {
        throw new Error(lines.join('\n'), { cause: error });
      });
    try {
      await ready(1);
      await work(
        async () => {
          const body = await json(await get(urls().at(-1)!));
          closeIdleConnections(); // the next start waits until this process has drained
          return body;
        },
        async () => void (await ready(2)),
      );
      child.kill(end);
      await within(20_000, exited, () => lines.join('\n'));
      // The process ends by itself when `dev` is killed.
      await until(
        () =>
          get(urls().at(-1)!).then(
            () => false,
            () => true,
          ),
        (isGone) => isGone,
      );
    } finally {
      child.kill('SIGKILL');
    }
  }

  it('keeps it running over restarts and when it is killed, adopts it at the next start, and stops it in the end', async function () {
    this.timeout(120_000);
    await whileRunning(async (served, restarted) => {
      expect(await served()).to.equal(1);
      first = pid();
      project.write('migrations/0002_more.sql', 'insert into note values (2);');
      await restarted();
      expect(await served()).to.equal(2);
      expect(pid()).to.equal(first);
    }, 'SIGKILL');
    expect(pid()).to.equal(first);
    await whileRunning(async (served) => {
      expect(await served()).to.equal(2);
      expect(pid()).to.equal(first);
    }, 'SIGINT');
    expect(existsSync(postmaster)).to.equal(false);
  });
});

describe('multilane dev in a terminal', () => {
  const project = new Project({
    'multilane.config.js': CONFIG('1'),
    // In place of the program that opens a browser.
    'bin/xdg-open': '#!/bin/sh\necho "$1" >> "$OPENED"\n',
  });
  const opened = join(project.folder, 'opened');
  before(() => {
    project.install();
    chmodSync(join(project.folder, 'bin/xdg-open'), 0o755);
  });
  after(() => project.remove());

  /** Runs until the process is ready, and again after each change. @returns what was opened */
  async function openedBy(context: Mocha.Context, more: string, changes: number): Promise<string> {
    if (spawnSync('script', ['--version']).status !== 0) context.skip();
    rmSync(opened, { force: true });
    const flags = '--host 127.0.0.1 --port 0 --admin-port 0 --workers 1';
    const command = `exec ${process.execPath} ${CLI} dev ${flags} ${more}`;
    const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
      cwd: project.folder,
      env: cleanEnvironment({
        OPENED: opened,
        DISPLAY: ':0',
        PATH: `${join(project.folder, 'bin')}:${process.env.PATH}`,
      }),
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const announced = (times: number): Promise<unknown> =>
      until(
        () => text.match(/the dashboard is at http:\/\/127\.0\.0\.1:\d+\//g) ?? [],
        (all) => all.length >= times,
      );
    try {
      await announced(1);
      for (let n = 1; n <= changes; n++) {
        project.write(
          'multilane.config.js',
          CONFIG(`${n + 1}`).replace('services:', `requestTimeoutMs: ${n}000, services:`),
        );
        await announced(n + 1);
      }
      child.stdin.write('\x03');
      await within(10_000, exited, () => text);
    } finally {
      child.kill('SIGKILL');
    }
    const first = /the dashboard is at (\S+)/.exec(text)?.[1];
    return existsSync(opened) ? readFileSync(opened, 'utf8').replaceAll(first!, 'the first') : '';
  }

  it('opens the dashboard once, and not with --no-open', async function () {
    this.timeout(60_000);
    expect(await openedBy(this, '', 1)).to.equal('the first\n');
    expect(await openedBy(this, '--no-open', 0)).to.equal('');
  });
});

describe('multilane migrate', () => {
  const project = new Project({
    'multilane.config.js': `
      import { defineConfig, defineService } from 'multilane';
      const migrations = new URL('./migrations/', import.meta.url);
      const ledger = defineService({ name: 'ledger', migrations, routes() {} });
      export default defineConfig({ services: [ledger] });`,
    'migrations/0001_ledger.sql': 'create table entry (id int);',
  });
  const shop = useSharedShop();
  before(async function () {
    this.timeout(30_000);
    project.install();
  });
  after(() => project.remove());
  const migrate = async (...args: readonly string[]): Promise<Record<string, string>> => {
    const env = { DATABASE_URL: shop.sql.url() };
    const run = await multilane(['migrate', '--json', ...args], { cwd: project.folder, env });
    expect(run, run.stderr).to.include({ code: 0, stderr: '' });
    const { items } = JSON.parse(run.stdout) as {
      items: { set: string; migration: string; state: string }[];
    };
    return Object.fromEntries(items.map(({ set, migration, state }) => [`${set} ${migration}`, state]));
  };
  const FRAMEWORK = 'framework 0001_idempotency';
  const databases = () => shop.sql.query('postgres', `select from pg_database where datname = 'ledger'`);

  it('lists what is pending and changes nothing', async () => {
    const states = await migrate('--status');
    expect(states).to.deep.equal({ [FRAMEWORK]: 'pending', 'service 0001_ledger': 'pending' });
    expect(await databases()).to.deep.equal([]);
  });

  it('creates the database and runs what is pending, once', async () => {
    const states = { [FRAMEWORK]: 'applied now', 'service 0001_ledger': 'applied now' };
    expect(await migrate()).to.deep.equal(states);
    expect(await shop.sql.query('ledger', 'select count(*)::int as n from entry')).to.deep.equal([{ n: 0 }]);
    expect(await migrate()).to.deep.equal({ [FRAMEWORK]: 'applied', 'service 0001_ledger': 'applied' });
  });

  it('lists the migrations that a newer project would add', async () => {
    project.write('migrations/0002_more.sql', 'alter table entry add column cents int;');
    expect(await migrate('--status')).to.deep.include({
      'service 0001_ledger': 'applied',
      'service 0002_more': 'pending',
    });
    expect(await migrate()).to.deep.include({ 'service 0002_more': 'applied now' });
  });

  it('fails with file and line, and rolls back, when a migration is wrong', async () => {
    project.write('migrations/0003_wrong.sql', 'create table half (id int); select nothing from nowhere;');
    const env = { DATABASE_URL: shop.sql.url() };
    const run = await multilane(['migrate'], { cwd: project.folder, env });
    expect(run).to.include({ code: 1, stdout: '' });
    expect(run.stderr).to.match(
      /^multilane: migrations\/0003_wrong\.sql:1: relation "nowhere" does not exist .*\n.*\n +\^\n.*"ledger"/,
    );
    expect(await shop.sql.query('ledger', `select to_regclass('half') as half`)).to.deep.equal([
      { half: null },
    ]);
  });

  it('ends at a signal, and the migration that was under way is rolled back', async () => {
    project.write('migrations/0003_wrong.sql', 'create table half (id int); select pg_sleep(3);');
    const asleep = `select from pg_stat_activity where datname = 'ledger' and wait_event = 'PgSleep'`;
    const interrupt = async (child: ChildProcess): Promise<void> => {
      await until(
        () => shop.sql.query('postgres', asleep),
        (rows) => rows.length > 0,
      );
      child.kill('SIGINT');
    };
    const env = { DATABASE_URL: shop.sql.url() };
    const run = await multilane(['migrate'], {
      cwd: project.folder,
      env,
      meanwhile: (child) => void interrupt(child),
    });
    expect(run).to.deep.equal({
      code: 1,
      signal: null,
      stdout: '',
      stderr: 'multilane: SIGINT: what is under way is rolled back\n',
    });
    expect(await shop.sql.query('ledger', `select to_regclass('half') as half`)).to.deep.equal([
      { half: null },
    ]);
  });

  it('refuses a DATA_DIR that another process uses', async () => {
    const run = await multilane(['migrate'], { cwd: project.folder, env: { DATA_DIR: shop.dataDir } });
    expect(run).to.include({ code: 1, stdout: '' });
    expect(run.stderr).to.include(shop.dataDir);
  });
});
