// Names that `multilane generate` meets: whatever the name, either nothing is written or the project loads.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CommandFailure } from '#src/cli/command-failure.js';
import { type ExistingNames, namesInText } from '#src/cli/generate/existing-names.js';
import { carryOut, type Plan } from '#src/cli/generate/plan.js';
import { migrationPlan, routePlan, sagaPlan, servicePlan } from '#src/cli/generate/plans.js';
import { type ProjectShape, shapeOfProject } from '#src/cli/generate/project-shape.js';
import { skeleton } from '#src/cli/generate/source-edit.js';
import { multilane, Project } from '#test/support/cli.js';

const CONFIG = `import { defineConfig } from 'multilane';
import { app } from './services/library/service.js';

export default defineConfig({ services: [app] });
`;
// The service has another name than its folder, its variable is one of the generated tests, and its saga is
// in a file whose name does not contain that of the saga.
const LIBRARY = `import { defineService } from 'multilane';
import { trade } from './trade.js';

export const app = defineService({
  name: 'books',
  sagas: [trade],
  routes(app) {
    app.get('/books', () => []);
    app.get('/books/list', () => []);
    app.get('/reports', () => []);
  },
});
`;
const TRADE = `import { defineSaga } from 'multilane';

export const trade = defineSaga({ name: 'purchase', version: 1, steps: [{ name: 'pay', run: async () => 1 }] });
`;
const SYSTEM_PATHS = ['health', 'ready', 'docs'];
const EXISTING = ['books', 'library', 'purchase', 'trade', 'list', 'reports', 'postgres', 'template0'];
const RESERVED =
  'abstract any arguments as async await boolean break case catch class const constructor continue debugger ' +
  'declare default delete do else enum eval exports extends false finally for from function get global-this if ' +
  'implements import in instanceof interface is let module never new null number object of package private ' +
  'protected proto prototype public require return set static string super switch symbol this throw to-string ' +
  'true try type typeof undefined unknown using var void while with yield';

const PLANS: readonly ((shape: ProjectShape, name: string, existing: ExistingNames) => Plan)[] = [
  servicePlan,
  (shape, name, existing) => sagaPlan(shape, name, existing, 'books'),
  (shape, name, existing) => routePlan(shape, name, existing, 'books'),
];

function newProject(): Project {
  const project = new Project({
    'package.json': '{"name":"shop","type":"module"}',
    'multilane.config.js': CONFIG,
    'services/library/service.js': LIBRARY,
    'services/library/trade.js': TRADE,
  });
  project.install();
  return project;
}

/** The files of a project without its packages, whose folder holds a link to this repository. */
const filesOf = ({ folder }: Project): readonly string[] =>
  ['services', 'test']
    .flatMap((name) => {
      const path = join(folder, name);
      return existsSync(path)
        ? readdirSync(path, { recursive: true, encoding: 'utf8' }).map((file) => join(name, file))
        : [];
    })
    .filter((name) => /\.\w+$/.test(name));

/** The words of the code that is generated for a name, as names. */
function wordsOfTemplates(shape: ProjectShape, existing: ExistingNames): readonly string[] {
  const plans = [...PLANS.map((plan) => plan(shape, 'sample', existing))];
  plans.push(migrationPlan(shape, 'create-samples', existing, 'books'));
  const code = plans.flatMap(({ files }) => files.map(({ content }) => skeleton(content) ?? content));
  const text = code.join('\n');
  return (text.match(/[A-Za-z][A-Za-z0-9]*/g) ?? []).map((word) =>
    word.replaceAll(/(?<=[a-z0-9])([A-Z])/g, '-$1').toLowerCase(),
  );
}

/** Parses modules without running them: an identifier that is declared twice is an early error. */
const PARSE = `import { readFileSync } from 'node:fs';
import { SourceTextModule } from 'node:vm';
for (const file of JSON.parse(readFileSync(0, 'utf8'))) {
  try { new SourceTextModule(readFileSync(file, 'utf8')); } catch (error) { console.log(file, error.message); }
}`;

function parseErrors(files: readonly string[]): string {
  const args = ['--no-warnings', '--experimental-vm-modules', '--input-type=module', '-e', PARSE];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    input: JSON.stringify(files),
    encoding: 'utf8',
  });
  return stdout + stderr;
}

describe('names for multilane generate', () => {
  it('are refused with nothing written, or give a project that loads', async function () {
    this.timeout(120_000);
    const project = newProject();
    try {
      const shape = shapeOfProject(project.folder, undefined);
      const words = wordsOfTemplates(shape, await namesInText(shape));
      const names = new Set([...RESERVED.split(' '), ...words, ...SYSTEM_PATHS, ...EXISTING]);
      const expected = new Set(filesOf(project));
      const refused: string[][] = [];
      for (const planOf of PLANS) {
        const existing = await namesInText(shape);
        const refusedNames: string[] = [];
        for (const name of names) {
          try {
            const plan = planOf(shape, name, existing);
            await carryOut(project.folder, plan, false);
            for (const { path } of plan.files) expected.add(path);
          } catch (error) {
            expect(error, name).to.be.instanceOf(CommandFailure);
            expect((error as Error).message, name).to.match(/^nothing was written: .+; .+/);
            refusedNames.push(name);
          }
        }
        refused.push(refusedNames.sort());
      }
      expect(filesOf(project).filter((file) => !expected.delete(file))).to.deep.equal([]);
      expect([...expected]).to.deep.equal([]);
      expect(refused).to.deep.equal([
        ['books', 'docs', 'health', 'library', 'postgres', 'ready', 'reports', 'template0'],
        ['purchase'],
        ['list'],
      ]);
      const config = readFileSync(join(project.folder, 'multilane.config.js'), 'utf8');
      expect(config.match(/^import /gm)).to.have.length(2 + names.size - 8);
      const { code, stdout, stderr } = await multilane(['routes'], { cwd: project.folder });
      expect(code, stderr).to.equal(0);
      const paths = new Set(stdout.split('\n').map((line) => line.split(/ +/)[1]));
      const accepted = (kind: number, prefix: string): readonly string[] =>
        [...names].filter((name) => !refused[kind]!.includes(name)).map((name) => prefix + name);
      const missing = [...accepted(0, '/'), ...accepted(2, '/books/')].filter((path) => !paths.has(path));
      expect(missing).to.deep.equal([]);
      const modules = filesOf(project).filter((file) => file.endsWith('.js'));
      expect(parseErrors(modules.map((file) => join(project.folder, file)))).to.equal('');
    } finally {
      project.remove();
    }
  });

  describe('that are taken', () => {
    let project: Project;
    before(() => {
      project = newProject();
      project.write(
        'services/library/migrations/0001_items.sql',
        'create table if not exists items (id int);',
      );
    });
    after(() => project.remove());

    for (const [args, says] of [
      ['service books', 'the project has a service "books" already (services/library/service.js)'],
      ['service reports', 'service books has declared GET /reports at services/library/service.js:10:9'],
      ['service health', 'the runtime itself serves GET /health'],
      ['service postgres', 'service "postgres": this name belongs to a database of PostgreSQL itself'],
      [
        'saga purchase --service books',
        'service books has a saga "purchase" already (services/library/trade.js)',
      ],
      ['route list --service library', 'service books has declared GET /books/list at'],
      ['migration create-items --service books', '0001_items.sql creates the table items already'],
      [
        'migration add-id-to-items --service books',
        '0001_items.sql has a column id of the table items already',
      ],
      [
        'migration add-id-to-authors --service books',
        'no migration of the service creates the table authors',
      ],
    ] as const) {
      it(`are refused by what has them: ${args}`, async () => {
        const before = filesOf(project);
        const run = await multilane(['generate', ...args.split(' ')], { cwd: project.folder });
        expect(run).to.include({ code: 1, stdout: '' });
        expect(run.stderr)
          .to.include(`multilane: nothing was written: ${says}`)
          .and.match(/; c.+\n$/);
        expect(filesOf(project)).to.deep.equal(before);
      });
    }
  });

  it('are searched in the text of a project that does not load, which is said', async () => {
    const project = newProject();
    try {
      project.write('services/library/service.js', `${LIBRARY}throw new Error('not today');\n`);
      const generate = (args: string) => multilane(['generate', ...args.split(' ')], { cwd: project.folder });
      const runs = await Promise.all([
        generate('saga purchase --service books'),
        generate('route list --service books'),
        generate('service books'),
        generate('service docs'),
      ]);
      for (const run of runs) expect(run.code, run.stdout).to.equal(1);
      const added = await generate('service notes');
      expect(added.code).to.equal(0);
      expect(added.stdout).to.include('create services/notes/service.js');
      expect(added.stderr)
        .to.match(
          /^multilane: warning: the project does not load, so names that are taken were only searched/,
        )
        .and.include('not today');
    } finally {
      project.remove();
    }
  });

  it('of tables and columns are those that the migrations make, not those that they would remove', async () => {
    const project = newProject();
    try {
      project.write(
        'services/library/migrations/0001_book.sql',
        `-- Up Migration
create table book (id bigint primary key, title text not null);
-- Down Migration
alter table book drop column title;
drop table book;
`,
      );
      const shape = shapeOfProject(project.folder, undefined);
      const existing = await namesInText(shape);
      const planned = (name: string) => () => migrationPlan(shape, name, existing, 'books');
      expect(planned('create-book')).to.throw(CommandFailure, '0001_book.sql creates the table book already');
      expect(planned('add-title-to-book')).to.throw(CommandFailure, 'has a column title of the table book');
      expect(planned('add-author-to-book')().files[0]!.content).to.include(
        'alter table book add column author',
      );
      expect(planned('add-author-to-shelf')).to.throw(CommandFailure, 'no migration of the service creates');
    } finally {
      project.remove();
    }
  });

  it('of PostgreSQL itself are quoted in a migration', async () => {
    const project = newProject();
    try {
      const shape = shapeOfProject(project.folder, undefined);
      const existing = await namesInText(shape);
      const sqlOf = (name: string) => migrationPlan(shape, name, existing, 'books').files[0]!.content;
      expect(sqlOf('create-user')).to.include('create table "user" (');
      expect(sqlOf('create-notes')).to.include('create table notes (');
      project.write('services/library/migrations/0001_user.sql', sqlOf('create-user'));
      expect(sqlOf('add-order-to-user')).to.include('alter table "user" add column "order" text;');
    } finally {
      project.remove();
    }
  });
});
