// Which files `multilane dev` watches: those that the project consists of, and no others.

import { once } from 'node:events';
import fs, { mkdirSync, realpathSync, symlinkSync, truncateSync, utimesSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { createServer } from 'node:net';
import { join, relative } from 'node:path';
import { expect } from 'chai';
import { MISSING } from '#src/cli/dev/file-content.js';
import type { ProjectFile } from '#src/cli/dev/project-files.js';
import { ProjectSearch, type ProjectSearchOptions } from '#src/cli/dev/project-search.js';
import { Project } from '#test/support/cli.js';

const CONFIG = 'multilane.config.js';

const searchIn = (folder: string, more: Partial<ProjectSearchOptions> = {}): ProjectSearch =>
  new ProjectSearch({ config: join(folder, CONFIG), cwd: folder, report: () => undefined, ...more });

/** Counts the calls of a function while `run` runs. */
function countedCalls<T extends object>(owner: T, name: keyof T & string, run: () => void): number {
  const original = owner[name] as (...args: unknown[]) => unknown;
  let calls = 0;
  const counting = function (this: unknown, ...args: unknown[]): unknown {
    calls++;
    return original.apply(this, args);
  };
  Object.defineProperty(owner, name, { value: counting, configurable: true, writable: true });
  syncBuiltinESMExports();
  try {
    run();
  } finally {
    Object.defineProperty(owner, name, { value: original, configurable: true, writable: true });
    syncBuiltinESMExports();
  }
  return calls;
}

describe('the files of a project', () => {
  let project: Project;
  afterEach(() => project.remove());

  /** The files by their paths in the project, without those that every project has. */
  function filesWith(files: Readonly<Record<string, string>>): Readonly<Record<string, ProjectFile>> {
    project = new Project({ 'package.json': '{"name":"shop"}', ...files });
    return filesNow();
  }
  function filesNow(): Readonly<Record<string, ProjectFile>> {
    const folder = realpathSync(project.folder);
    const found = searchIn(folder).look();
    return Object.fromEntries([...found].map(([path, file]) => [relative(folder, path), file]));
  }
  const namesWith = (files: Readonly<Record<string, string>>): readonly string[] =>
    Object.keys(filesWith(files));

  it('are the modules that the configuration imports, and what these import', () => {
    const names = namesWith({
      [CONFIG]: 'import users from \'./services/users/service.js\';\nexport * from "./more.mjs";',
      'services/users/service.js': "import { join } from 'node:path';\nimport data from './d.json' with {};",
      'services/users/d.json': '{}',
      'services/users/service.test.js': "import './service.js';",
      'more.mjs': "const { a } = require('./old.cjs');\nimport(\n  './lazy.js'\n);",
      'old.cjs': "require('./folder'); require('./noext');",
      'folder/index.js': '',
      'noext.js': '',
      'lazy.js': '',
      'README.md': '',
      'notes.json': '{}',
      'scripts/seed.js': '',
    });
    expect(names).to.include.members([
      ...[CONFIG, 'services/users/service.js', 'services/users/d.json', 'more.mjs', 'old.cjs'],
      ...['folder/index.js', 'noext.js', 'lazy.js', 'package.json', '.env'],
    ]);
    for (const other of ['README.md', 'notes.json', 'scripts/seed.js', 'services/users/service.test.js'])
      expect(names).not.to.include(other);
  });

  it('are the files and folders that a module names beside itself', () => {
    const files = filesWith({
      [CONFIG]: `const migrations = new URL('./db/migrations/', import.meta.url);
        const tasks = new URL("./tasks.js", import.meta.url);
        const proto = new URL('./api/a.proto', import.meta.url);
        const page = join(import.meta.dirname, 'views', 'page.html');
        const here = new URL('./', import.meta.url); const above = new URL('..', import.meta.url);`,
      'db/migrations/0001_a.sql': 'select 1',
      'tasks.js': "import './sum.js';",
      'sum.js': '',
      'api/a.proto': 'import "b.proto";',
      'api/b.proto': '',
      'views/page.html': '<p>',
      'views/other.html': '<p>',
      'unrelated.js': '',
    });
    expect(files).to.include.all.keys(
      ...['db/migrations', 'db/migrations/0001_a.sql', 'tasks.js', 'sum.js'],
      ...['api/a.proto', 'api/b.proto', 'views/page.html'],
    );
    expect(files).not.to.include.any.keys('unrelated.js', 'views/other.html', '');
    const reaches = (reach: string): readonly string[] =>
      Object.keys(files).filter((name) => files[name]!.reach === reach);
    expect(reaches('process')).to.include.members([
      ...['db/migrations', 'db/migrations/0001_a.sql', 'api/a.proto', 'api/b.proto', 'package.json', '.env'],
    ]);
    expect(reaches('workers')).to.include.members([CONFIG, 'tasks.js', 'sum.js', 'views/page.html']);
  });

  it('are all that a computed import may lead to', () => {
    const names = namesWith({
      [CONFIG]: `await import(\`./plugins/\${name}.js\`); await import('./more/' + name); import('./' + one);`,
      'plugins/a.js': '',
      'plugins/deep/b.js': '',
      'more/c.js': '',
      'beside.js': '',
      'beside.txt': '',
      'far/d.js': '',
    });
    expect(names).to.include.members(['plugins/a.js', 'plugins/deep/b.js', 'more/c.js', 'beside.js']);
    expect(names).not.to.include.members(['far/d.js']);
    expect(names).not.to.include.members(['beside.txt']);
  });

  it('are found in a module with a syntax error, and where they do not exist', () => {
    const files = filesWith({
      [CONFIG]: "import a from './a.js';\nconst = ;",
      'a.js': "import './later.js'",
    });
    expect(files['a.js']!.stamp).not.to.equal(MISSING);
    expect(files['later.js']!.stamp).to.equal(MISSING);
    // The same import leads to TypeScript where that is built first.
    expect(files['later.ts']!.stamp).to.equal(MISSING);
    project.write('later.js', '');
    expect(filesNow()['later.js']!.stamp).not.to.equal(MISSING);
  });

  it('are found through #imports and packages of the workspace, not in installed packages', () => {
    project = new Project({
      'package.json': '{"imports":{"#lib/*":{"default":"./lib/*.js"},"#one":"./one.js"}}',
      [CONFIG]: "import '#lib/a'; import '#one'; import '@my/tools/x'; import 'installed'; import 'absent';",
      'lib/a.js': '',
      'one.js': '',
      'packages/tools/package.json':
        '{"name":"@my/tools","exports":{"./x":{"types":"./x.d.ts","import":"./x.js"}}}',
      'packages/tools/x.js': "import './y.js';",
      'packages/tools/y.js': '',
      'node_modules/installed/package.json': '{"main":"index.js"}',
      'node_modules/installed/index.js': '',
    });
    mkdirSync(join(project.folder, 'node_modules/@my'));
    symlinkSync(join(project.folder, 'packages/tools'), join(project.folder, 'node_modules/@my/tools'));
    project.install();
    const names = Object.keys(filesNow());
    expect(names).to.include.members([
      ...['lib/a.js', 'one.js', 'packages/tools/x.js', 'packages/tools/y.js', 'packages/tools/package.json'],
      'node_modules/absent/package.json',
    ]);
    expect(names.filter((name) => name.includes('installed') || name.endsWith('.d.ts'))).to.deep.equal([]);
  });

  it('change with what matters in package.json, not with its scripts', () => {
    const before = filesWith({ [CONFIG]: '' })['package.json'];
    project.write('package.json', '{"name":"shop","scripts":{"a":"b"}}');
    expect(filesNow()['package.json']).to.deep.equal(before);
    project.write('package.json', '{"name":"shop","type":"module"}');
    expect(filesNow()['package.json']).not.to.deep.equal(before);
  });

  it('are looked up once for each reference, however often and in however many files it occurs', () => {
    const looked = (times: number, modules: number): number => {
      const text = (name: string): string =>
        `import './${name}.js'; new URL('./${name}', import.meta.url); import('./${name}/' + x); import '${name}';\n`;
      const names = Array.from({ length: modules }, (_, at) => `m${at}.js`);
      const others = ['here', 'nowhere'].map(text).join('').repeat(times);
      filesWith({
        [CONFIG]: names.map((name) => `import './${name}';`).join(''),
        ...Object.fromEntries(names.map((name) => [name, others])),
        'here.js': '',
      });
      const search = searchIn(realpathSync(project.folder));
      const calls = countedCalls(fs, 'statSync', () => search.look());
      project.remove();
      return calls;
    };
    const once = looked(1, 1);
    expect(looked(500, 1)).to.equal(once);
    // Each further module is looked for and read itself.
    const each = looked(1, 2) - once;
    expect(looked(500, 12)).to.equal(once + 11 * each);
    expect(each).to.be.below(10);
  });

  it('are searched for references only when they have changed', () => {
    filesWith({
      [CONFIG]: "import './a.js'; new URL('./a.proto', import.meta.url);",
      'a.js': "import './b.js';",
      'a.proto': 'import "b.proto";',
      'b.proto': '',
    });
    const search = searchIn(realpathSync(project.folder));
    const first = search.look();
    const searched = (): number => countedCalls(String.prototype, 'matchAll', () => search.look());
    expect(searched()).to.equal(0);
    project.write('b.js', "import './c.js';");
    expect(searched()).to.be.above(0);
    expect(searched()).to.equal(0);
    expect(search.look().size).to.be.above(first.size);
  });

  it('are read only when they may have changed, whatever their time says', () => {
    filesWith({ [CONFIG]: "import './a.js'; new URL('./public/', import.meta.url);", 'a.js': '1' });
    project.write('public/page.html', 'old');
    const page = join(realpathSync(project.folder), 'public/page.html');
    const search = searchIn(realpathSync(project.folder));
    // Of a file that was written a moment ago, a further change might not show.
    const age = (file: string): void => utimesSync(file, 1, 1);
    const files = search.look();
    for (const [file, { stamp }] of files) if (stamp !== MISSING) age(file);
    search.look();
    const reads = (): number => countedCalls(fs, 'readFileSync', () => search.look());
    expect(reads()).to.equal(0);
    project.write('public/page.html', 'new');
    age(page);
    expect(reads()).to.equal(1);
    expect(search.look().get(page)!.stamp).not.to.equal(files.get(page)!.stamp);
  });

  it('are there and change also when they cannot be read, or are too large for that', async () => {
    filesWith({ [CONFIG]: "new URL('./public/', import.meta.url);", 'public/film': '' });
    const folder = realpathSync(project.folder);
    const server = createServer().listen(join(folder, 'public/socket'));
    await once(server, 'listening');
    truncateSync(join(folder, 'public/film'), 3 * 2 ** 30);
    const first = filesNow();
    server.close();
    expect(first['public/socket']!.stamp).not.to.equal(MISSING);
    expect(first['public/film']!.stamp).not.to.equal(MISSING);
    truncateSync(join(folder, 'public/film'), 3 * 2 ** 30 + 1);
    expect(filesNow()['public/film']!.stamp).not.to.equal(first['public/film']!.stamp);
  });

  it('are reported once when they are too many to be watched', () => {
    filesWith({ [CONFIG]: "import './a.js'; import './b.js'; import './c.js';", 'a.js': '', 'b.js': '' });
    const lines: string[] = [];
    const report = (line: string): number => lines.push(line);
    const folder = realpathSync(project.folder);
    const all = searchIn(folder, { report }).look().size;
    expect(lines).to.deep.equal([]);
    const search = searchIn(folder, { report, mostFiles: all - 1 });
    expect(search.look().size).to.equal(all - 1);
    expect(search.look().size).to.equal(all - 1);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(new RegExp(`more than ${all - 1} files; .*not noticed, .*${folder}/`));
  });
});
