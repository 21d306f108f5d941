// A project in TypeScript with a database, CPU tasks and files, as it is and built: every part of it is found
// in both layouts, and errors name the lines of the sources.
import { statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { multilane, Project } from '#test/support/cli.js';
import { get, json } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { until } from '#test/support/until.js';
import { itWhere } from '#test/support/where.js';

const FILES = {
  'package.json': '{ "type": "module" }',
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      target: 'es2023',
      module: 'nodenext',
      strict: true,
      types: ['node'],
      skipLibCheck: true,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
      erasableSyntaxOnly: true,
      noEmit: true,
    },
  }),
  'multilane.config.ts': `
    import { defineConfig } from 'multilane';
    import { notes } from './services/notes/service.ts';
    export default defineConfig({ services: [notes] });`,
  'services/notes/service.ts': `
    import { defineService, Type } from 'multilane';
    import { double } from './tasks.ts';
    import type { Failure } from './failure.ts';
    const why: Failure = 'wrong on purpose';
    export const notes = defineService({
      name: 'notes',
      migrations: new URL('./migrations/', import.meta.url),
      tasks: new URL('./tasks.ts', import.meta.url),
      routes(app, { db, cpu }) {
        app.get('/notes', () => db.many('select text from note'));
        app.get('/double', async () => ({ result: await cpu.run(double, { n: 21 }) }));
        app.get('/page', (ctx) => ctx.file('./public', 'index.html'));
        app.get('/fails', { response: { 200: Type.Object({}) } }, () => {
          const failure: Error = new Error(why);
          throw failure;
        });
      },
    });`,
  'services/notes/failure.ts': 'export type Failure = string;',
  'services/notes/tasks.ts': 'export const double = ({ n }: { readonly n: number }): number => 2 * n;',
  'services/notes/migrations/0001_note.sql':
    "create table note (text text); insert into note values ('kept');",
  'public/index.html': '<p>page',
};

/** Whether this Node.js runs TypeScript without a build: 22.18 and later. */
const runsTypeScript = 'typescript' in process.features && process.features.typescript !== false;

const LAYOUTS = ['as it is', 'built'] as const;
/** Where Node.js runs no TypeScript there is only the built project. */
for (const layout of runsTypeScript ? LAYOUTS : LAYOUTS.slice(1)) {
  describe(`a project in TypeScript, ${layout}`, () => {
    const project = new Project(FILES);
    const config = layout === 'built' ? 'dist/multilane.config.js' : 'multilane.config.ts';
    let cluster: Cluster;
    before(async function () {
      this.timeout(90_000);
      project.install();
      project.installTypeScript();
      if (layout === 'built') {
        const built = await multilane(['build'], { cwd: project.folder });
        expect(built, built.stderr).to.include({ code: 0 });
        expect(built.stdout).to.include(`npx multilane start --config ${config}`);
      }
      cluster = await startCluster({ config, cwd: project.folder, found: 'server' });
    });
    after(async function () {
      this.timeout(60_000);
      await cluster?.dispose();
      project.remove();
    });

    it('has its migrations, its tasks and its files', async () => {
      expect(await json(await get(`${cluster.url}/notes`))).to.deep.equal([{ text: 'kept' }]);
      expect(await json(await get(`${cluster.url}/double`))).to.deep.equal({ result: 42 });
      expect(await (await get(`${cluster.url}/page`)).text()).to.equal('<p>page');
    }).timeout(20_000);

    it('logs the line of the source in which a handler has thrown', async () => {
      expect((await get(`${cluster.url}/fails`)).status).to.equal(500);
      const stacks = await until(
        () => cluster.stdout.filter((line) => line.includes('wrong on purpose')),
        (lines) => lines.length > 0,
      );
      expect(stacks[0]).to.include('services/notes/service.ts:15:34').and.not.include('service.js');
    }).timeout(20_000);

    it('is read by check, routes and migrate', async () => {
      const flags = ['--config', config];
      const cwd = project.folder;
      const checked = await multilane(['check', ...flags], { cwd });
      expect(checked.stdout, checked.stderr).to.match(/^services to mount +notes$/m);
      const routes = await multilane(['routes', ...flags], { cwd });
      expect(routes.stdout, routes.stderr).to.match(/^GET +\/double +notes/m);
      const env = { DATA_DIR: join(cwd, 'nowhere'), DATABASE_URL: 'postgres://127.0.0.1:1/postgres' };
      const migrated = await multilane(['migrate', ...flags], { cwd, env });
      expect(migrated.stderr, 'the project is loaded').to.match(/DATABASE_URL.*127\.0\.0\.1:1/);
    }).timeout(30_000);
  });
}

describe('a project in TypeScript where Node.js does not run it', () => {
  itWhere(!runsTypeScript)('is refused with the way to build and to start it', async function () {
    this.timeout(30_000);
    const project = new Project(FILES);
    try {
      project.install();
      const run = await multilane(['check'], { cwd: project.folder });
      expect(run).to.include({ code: 78, stdout: '' });
      expect(run.stderr).to.include(
        'use 22.18 or newer, or build it (npx multilane build), and run the command with --config dist/multilane.config.js',
      );
    } finally {
      project.remove();
    }
  });

  itWhere(!runsTypeScript)('is read from its build, until a source is newer', async function () {
    this.timeout(60_000);
    const project = new Project(FILES);
    const cwd = project.folder;
    try {
      project.install();
      project.installTypeScript();
      expect(await multilane(['build'], { cwd })).to.include({ code: 0 });
      const checked = await multilane(['check'], { cwd });
      expect(checked.stdout, checked.stderr).to.match(/^services to mount +notes$/m);
      const routes = await multilane(['routes', '--config', 'multilane.config.ts'], { cwd });
      expect(routes.stdout, routes.stderr).to.match(/^GET +\/double +notes/m);
      for (const name of ['services/notes/failure.ts', 'services/notes/migrations/0001_note.sql']) {
        const { mtime } = statSync(join(cwd, name));
        const later = new Date(mtime.getTime() + 3_600_000);
        utimesSync(join(cwd, name), later, later);
        const stale = await multilane(['check'], { cwd });
        expect(stale).to.include({ code: 78, stdout: '' });
        expect(stale.stderr).to.include(`${name} is newer than dist/multilane.config.js`);
        expect(stale.stderr).to.include('build it again (npx multilane build)');
        utimesSync(join(cwd, name), mtime, mtime);
      }
    } finally {
      project.remove();
    }
  });
});
