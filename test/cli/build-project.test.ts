// `multilane build`, in process, with the compiler of this repository installed in a project.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { expect } from 'chai';
import { type BuildOptions, buildProject } from '#src/cli/build-project.js';
import { multilane, Project } from '#test/support/cli.js';
import { ROOT } from '#test/support/cluster.js';
import { until } from '#test/support/until.js';

const TSCONFIG = JSON.stringify({
  compilerOptions: {
    target: 'es2023',
    module: 'nodenext',
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    types: [],
  },
});
const FILES = {
  'package.json': '{ "type": "module" }',
  'tsconfig.json': TSCONFIG,
  'multilane.config.ts': "import { one } from './services/one/service.ts';\nexport default { one };\n",
  'services/one/service.ts': 'export const one: number = 1;\n',
  'services/one/tasks.ts': 'export const double = (n: number): number => 2 * n;\n',
  'services/one/migrations/0001_a.sql': 'select 1;',
  'services/one/migrations/0002_b.sql': 'select 2;',
  'services/one/one.proto': 'syntax = "proto3";',
  'public/index.html': '<p>',
  'public/app.js': 'alert(1);',
  'test/one.test.ts': 'export {};\n',
  'test/cases.json': '{}',
  'services/one/rules.test.ts': 'export {};\n',
  'services/one/types.d.ts': 'export type T = 1;\n',
  '.env': 'ADMIN_TOKEN=secret',
  'README.md': '# one',
  Dockerfile: 'FROM scratch',
  'ecosystem.config.cjs': 'module.exports = {};',
  'data/pg/data/PG_VERSION': '17',
  'data/pg/postgres.log.1': 'a log',
  'node_modules/other/index.js': 'export {};',
};

describe('a build of a project', () => {
  let folder: string;
  const warnings: string[] = [];
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  const build = (options: Partial<Omit<BuildOptions, 'warn'>> = {}) =>
    buildProject({
      ...{ folder, config: join(folder, 'multilane.config.ts'), ...options },
      warn: (warning) => warnings.push(warning),
    });
  const failure = async (options: Parameters<typeof build>[0] = {}): Promise<string> => {
    const error: unknown = await build(options).catch((thrown: unknown) => thrown);
    const { exitCode, message } = error as { readonly exitCode: number; readonly message: string };
    return `${exitCode} ${message}`;
  };
  const filesIn = (result: string): readonly string[] =>
    readdirSync(join(folder, result), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, result).length + 1))
      .filter((name) => !name.endsWith('.js.map'))
      .sort();

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'multilane-build-'));
    for (const [name, text] of Object.entries(FILES)) write(name, text);
    symlinkSync(join(ROOT, 'node_modules/typescript'), join(folder, 'node_modules/typescript'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('compiles the modules and copies what services read, without tests, data and files of the project', async function () {
    this.timeout(30_000);
    expect(await build()).to.deep.equal({
      folder: join(folder, 'dist'),
      config: join(folder, 'dist/multilane.config.js'),
      modules: 3,
      assets: 5,
    });
    expect(filesIn('dist')).to.deep.equal([
      '.multilane-build',
      'multilane.config.js',
      'public/app.js',
      'public/index.html',
      'services/one/migrations/0001_a.sql',
      'services/one/migrations/0002_b.sql',
      'services/one/one.proto',
      'services/one/service.js',
      'services/one/tasks.js',
    ]);
    const config = readFileSync(join(folder, 'dist/multilane.config.js'), 'utf8');
    expect(config).to.include("from './services/one/service.js'");
    const map = JSON.parse(readFileSync(join(folder, 'dist/services/one/service.js.map'), 'utf8')) as object;
    expect(map).to.deep.include({ sources: ['../../../services/one/service.ts'] });
  });

  it('builds the tests and their files into a folder of their own when they are wanted', async function () {
    this.timeout(30_000);
    await build({ out: 'build', withTests: true });
    expect(filesIn('build')).to.include.members([
      'test/one.test.js',
      'test/cases.json',
      'services/one/rules.test.js',
    ]);
    expect(
      filesIn('build').filter((name) => name.startsWith('dist')),
      'the other result',
    ).to.deep.equal([]);
  });

  it('leaves nothing of an earlier build: a removed migration, a removed module', async function () {
    this.timeout(30_000);
    rmSync(join(folder, 'services/one/migrations/0002_b.sql'));
    rmSync(join(folder, 'services/one/tasks.ts'));
    await build();
    expect(filesIn('dist').filter((name) => /0002|tasks/.test(name))).to.deep.equal([]);
  });

  it('follows links within the project, and leaves out and names those that lead out of it', async function () {
    this.timeout(30_000);
    const outside = `${folder}-outside`;
    const links = [
      ['services/one/system', outside],
      ['services/one/key.txt', join(outside, 'key.txt')],
      ['public/beside', `../../${basename(outside)}`],
      ['public/nowhere', 'nothing'],
      ['LICENSE', join(outside, 'key.txt')],
      ['public/same', '../services/one/migrations'],
      ['public/self', '.'],
      ['a-public', 'public'],
      ['public/icon.txt', '../services/one/one.proto'],
    ] as const;
    mkdirSync(outside);
    try {
      writeFileSync(join(outside, 'key.txt'), 'secret');
      for (const [name, target] of links) symlinkSync(target, join(folder, name));
      warnings.length = 0;
      await build();
      const copied = ['app.js', 'icon.txt', 'index.html', 'same/0001_a.sql'];
      // A folder is there under its own name and under that of a link to it, which comes first here.
      expect(filesIn('dist').filter((name) => /public|txt/.test(name))).to.deep.equal(
        ['a-public', 'public'].flatMap((name) => copied.map((file) => `${name}/${file}`)),
      );
      expect(
        warnings.map((text) => text.replace(/ is left out: it is a link to .*, which .*copy.*/, '')),
      ).to.have.members([
        ...['services/one/system', 'services/one/key.txt'],
        ...['public/beside', 'a-public/beside'],
      ]);
    } finally {
      for (const [name] of links) rmSync(join(folder, name));
      rmSync(outside, { recursive: true });
    }
  });

  it('fails with an error of types, and leaves the earlier result; a development server skips the check', async function () {
    this.timeout(30_000);
    write('services/one/service.ts', "export const one: number = 'one';\n");
    expect(await failure()).to.match(/^1 the compiler has reported errors; dist is as it was$/);
    expect(readFileSync(join(folder, 'dist/services/one/service.js'), 'utf8')).to.include('one = 1');
    await build({ checksTypes: false });
    expect(readFileSync(join(folder, 'dist/services/one/service.js'), 'utf8')).to.include("one = 'one'");
    write('services/one/service.ts', FILES['services/one/service.ts']);
    expect(readdirSync(folder).filter((name) => name.includes('building'))).to.deep.equal([]);
  });

  it('removes the staging folder of a build that was killed', async function () {
    this.timeout(30_000);
    mkdirSync(join(folder, '.dist.building-999999999'));
    await build();
    expect(existsSync(join(folder, '.dist.building-999999999'))).to.equal(false);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`leaves no compiler running and no staging folder after ${signal}`, async function () {
      this.timeout(30_000);
      const project = new Project({
        ...FILES,
        // On Node.js 20 the program `tsc` runs the compiler as a child and waits for it.
        'node_modules/typescript/package.json': '{ "bin": { "tsc": "tsc.cjs" } }',
        'node_modules/typescript/tsc.cjs': `require('child_process')
          .execFileSync(process.execPath, [__dirname + '/native.cjs'], { stdio: 'inherit' });`,
        'node_modules/typescript/native.cjs': `require('fs').writeFileSync('compiles', '');
          setInterval(() => undefined, 1_000);`,
      });
      const compiles = (): boolean => existsSync(join(project.folder, 'compiles'));
      // It resolves when the last process that has its standard error has ended, and so the compiler too.
      const run = await multilane(['build'], {
        cwd: project.folder,
        meanwhile: (child) => void until(compiles, Boolean).then(() => child.kill(signal)),
      });
      expect(run).to.include({ code: 1, stdout: '' });
      expect(run.stderr).to.equal('multilane: interrupted; dist is as it was\n');
      expect(readdirSync(project.folder).filter((name) => name.includes('building'))).to.deep.equal([]);
      project.remove();
    });
  }

  it('replaces no folder that it has not written, and none that holds the project', async () => {
    write('mine/notes.txt', 'mine');
    expect(await failure({ out: 'mine' })).to.match(/^78 mine was not written by multilane build.*--out$/);
    expect(await failure({ out: '.' })).to.match(/^78 --out: .* holds the project itself/);
    expect(await failure({ out: '..' })).to.match(/^78 --out: .* holds the project itself/);
    expect(readFileSync(join(folder, 'mine/notes.txt'), 'utf8')).to.equal('mine');
    rmSync(join(folder, 'mine'), { recursive: true });
  });

  it('says what to do when the configuration file is not included, and when something is missing', async function () {
    this.timeout(30_000);
    write('tsconfig.json', JSON.stringify({ ...JSON.parse(TSCONFIG), include: ['services'] }));
    expect(await failure()).to.match(/^78 tsconfig\.json: multilane\.config\.ts is not compiled: add it to/);
    rmSync(join(folder, 'tsconfig.json'));
    expect(await failure()).to.match(/^78 there is no tsconfig\.json in .*template\/ts\/tsconfig\.json$/);
    rmSync(join(folder, 'node_modules/typescript'));
    expect(await failure()).to.match(
      /^78 TypeScript is not installed in .*npm install --save-dev typescript/,
    );
  });
});
