import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { buildProject } from '#src/cli/build-project.js';
import { multilane, Project } from '#test/support/cli.js';
import { ROOT } from '#test/support/cluster.js';
import { nodeTest } from '#test/support/node-test.js';
import { itWhere } from '#test/support/where.js';

const CONFIG = `import { defineConfig } from 'multilane';
import { hello } from './services/hello/service.ENDING';

export default defineConfig({ services: [hello] });
`;
const HELLO = `import { defineService } from 'multilane';

export const hello = defineService({
  name: 'hello',
  routes(app) {
    app.get('/hello', () => 'hello');
  },
});
`;

const GENERATED = [
  ['service', 'order-items'],
  ['g', 'service', 'new'],
  ['route', 'report', '--service', 'order-items'],
  ['saga', 'billing', '--service', 'order-items'],
  ['migration', 'create-items', '--service', 'order-items'],
  ['migration', 'add_total_to_items', '--service', 'order-items'],
] as const;

function newProject(language: 'js' | 'ts'): Project {
  const project = new Project({
    'package.json': '{"name":"shop","type":"module"}',
    [`multilane.config.${language}`]: CONFIG.replace('ENDING', language),
    [`services/hello/service.${language}`]: HELLO,
  });
  project.install();
  return project;
}

/** The files of a project without its packages, whose folder holds a link to this repository. */
const filesOf = (project: Project): readonly string[] =>
  readdirSync(project.folder)
    .filter((name) => name !== 'node_modules')
    .flatMap((name) => {
      const path = join(project.folder, name);
      if (!statSync(path).isDirectory()) return [name];
      return readdirSync(path, { recursive: true, encoding: 'utf8' }).map((inner) => join(name, inner));
    })
    .filter((path) => /\.\w+$/.test(path))
    .sort();

/** @param loads whether this Node.js loads the project without a build; otherwise there is a warning */
async function generateAll(project: Project, loads: boolean): Promise<void> {
  for (const words of GENERATED) {
    const args = words[0] === 'g' ? words : ['generate', ...words];
    const run = await multilane(args, { cwd: project.folder });
    expect(run.code, run.stderr).to.equal(0);
    expect(run.stderr).to.match(loads ? /^$/ : /^multilane: warning: the project does not load/);
  }
}

describe('multilane generate', () => {
  for (const language of ['js', 'ts'] as const) {
    describe(`in a project of ${language}`, () => {
      const canRun = language === 'js' || 'typescript' in process.features;
      let project: Project;
      before(async function () {
        this.timeout(60_000);
        project = newProject(language);
        await generateAll(project, canRun);
      });
      after(() => project.remove());

      it('writes each part with a test, and adds it to the project', () => {
        const paths = [
          `multilane.config.${language}`,
          'package.json',
          `services/hello/service.${language}`,
          `services/new/service.${language}`,
          `services/order-items/billing-saga.${language}`,
          'services/order-items/migrations/0001_create_items.sql',
          'services/order-items/migrations/0002_add_total_to_items.sql',
          `services/order-items/report-route.${language}`,
          `services/order-items/service.${language}`,
          ...['billing-saga', 'new', 'order-items-migrations', 'order-items-report-route', 'order-items'].map(
            (name) => `test/${name}.test.${language}`,
          ),
        ];
        expect(filesOf(project)).to.have.members(paths);
        const config = readFileSync(join(project.folder, `multilane.config.${language}`), 'utf8');
        expect(config).to.include('services: [hello, orderItems, newService]');
      });

      itWhere(canRun)('writes code that the project accepts, and whose tests pass', async function () {
        this.timeout(120_000);
        const { folder: cwd } = project;
        const [check, routes] = await Promise.all([
          multilane(['check'], { cwd }),
          multilane(['routes'], { cwd }),
        ]);
        expect(check.code, check.stderr).to.equal(0);
        expect(check.stdout).to.match(/^services to mount +hello,order-items,new$/m);
        expect(routes.stdout).to.match(/^GET +\/order-items\/report +order-items /m);
        const { code, output } = await nodeTest(cwd);
        expect(code, output).to.equal(0);
        expect(output).to.match(/^# pass 6$/m);
      });
    });
  }

  it('writes TypeScript that strict options accept', async function () {
    this.timeout(60_000);
    const project = newProject('ts');
    try {
      symlinkSync(join(ROOT, 'node_modules/@types'), join(project.folder, 'node_modules/@types'));
      const compilerOptions = {
        ...{ strict: true, module: 'nodenext', target: 'es2023', noEmit: true, types: ['node'] },
        ...{ allowImportingTsExtensions: true, erasableSyntaxOnly: true, verbatimModuleSyntax: true },
        ...{ noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true },
      };
      project.write('tsconfig.json', JSON.stringify({ compilerOptions }));
      await generateAll(project, 'typescript' in process.features);
      const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
      const { stdout } = spawnSync(process.execPath, [compiler, '-p', project.folder], { encoding: 'utf8' });
      expect(stdout).to.equal('');
    } finally {
      project.remove();
    }
  });

  it('reads the build where this Node.js needs one, and writes into none', async () => {
    const project = newProject('ts');
    try {
      const { folder } = project;
      for (const name of ['typescript', '@types'])
        symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
      project.write('tsconfig.json', '{ "compilerOptions": { "module": "nodenext", "target": "es2023" } }');
      const config = join(folder, 'multilane.config.ts');
      await buildProject({ folder, config, out: 'dist', checksTypes: false, warn: () => {} });
      const before = filesOf(project);
      const built = await multilane(
        ['generate', 'service', 'notes', '--config', 'dist/multilane.config.js'],
        {
          cwd: folder,
        },
      );
      expect(built).to.include({ code: 78, stdout: '' });
      expect(built.stderr).to.match(
        /dist\/multilane\.config\.js is of a build, .*: name multilane\.config\.ts/,
      );
      expect(filesOf(project)).to.deep.equal(before);
      const run = await multilane(['generate', 'service', 'notes'], { cwd: folder });
      expect(run).to.include({ code: 0, stderr: '' });
    } finally {
      project.remove();
    }
  });

  describe('leaves a project as it is', () => {
    let project: Project;
    before(() => {
      project = newProject('js');
      project.write('test/taken.test.js', '// mine');
    });
    after(() => project.remove());

    for (const [what, args, code, says] of [
      [
        'where a file exists',
        ['service', 'taken'],
        1,
        /nothing was written: test\/taken.test.js exists already/,
      ],
      [
        'for a bad name',
        ['service', 'OrderItems'],
        2,
        /"OrderItems" cannot be .*; for example order-items$/m,
      ],
      [
        'for a path as a name',
        ['route', '../x', '--service', 'hello'],
        2,
        /"..\/x" cannot be the name of a route/,
      ],
      [
        'for a path as a service',
        ['route', 'x', '--service', '../services/hello'],
        2,
        /"..\/services\/hello" cannot be the name of a service/,
      ],
      [
        'for an unknown service',
        ['saga', 'x', '--service', 'helo'],
        2,
        /--service helo: there is no services\/helo\/service\.[jt]s; did you mean hello\?\n$/,
      ],
      ['without the service', ['route', 'x'], 2, /required option '--service <service>' not specified/],
    ] as const) {
      it(what, async () => {
        const before = filesOf(project);
        const run = await multilane(['generate', ...args], { cwd: project.folder });
        expect(run).to.include({ code, stdout: '' });
        expect(run.stderr).to.match(says);
        expect(filesOf(project)).to.deep.equal(before);
      });
    }

    it('with --dry-run, and prints the files', async () => {
      const run = await multilane(['g', 'service', 'notes', '--dry-run'], { cwd: project.folder });
      expect(run.code).to.equal(0);
      expect(run.stdout)
        .to.include('create services/notes/service.js\n  | import { defineService, Type }')
        .and.include('update multilane.config.js\n  + import { notes }')
        .and.include('nothing was written');
      expect(existsSync(join(project.folder, 'services/notes'))).to.equal(false);
    });
  });

  it('prints the lines to add where the configuration has an unusual form', async () => {
    const project = newProject('js');
    const unusual = CONFIG.replace('ENDING', 'js').replace('[hello]', '[hello].filter(Boolean)');
    const other = `${unusual.replace('services: [hello].filter(Boolean)', 'services: all()')}\nfunction all() { return [hello]; }\n`;
    project.write('multilane.config.js', other);
    try {
      const run = await multilane(['g', 'service', 'notes'], { cwd: project.folder });
      expect(run).to.include({ code: 0, stderr: '' });
      expect(run.stdout).to.match(
        /multilane.config.js has a form that .* Add these lines to it:\n {2}import \{ notes \} from '.\/services\/notes\/service.js';\n {2}services: \[notes\]/,
      );
      expect(readFileSync(join(project.folder, 'multilane.config.js'), 'utf8')).to.equal(other);
      expect(existsSync(join(project.folder, 'services/notes/service.js'))).to.equal(true);
    } finally {
      project.remove();
    }
  });
});
