// Messages about a project that runs from its build name files of its sources, which the author can correct.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { defineService } from 'multilane';
import { readMigrations } from '#src/db/migration-folder.js';
import { sourceFile } from '#src/source-file.js';
import { LoadedProject } from './loaded-project.js';

const SERVICE = (text: string): string => `type Word = string;\ninterface Unused { a: Word }\n${text}\n`;

/** The files of a configuration by its folder, and what the message about it begins with. */
const CASES = {
  'a file that is not there, by its own name': {
    files: { 'service.ts': SERVICE("import { word } from './gone.ts';\nexport const hello = word;") },
    says: /^FOLDER\/service\.ts:3: Error: Cannot find module '.*\/FOLDER\/gone\.ts' imported from .*\/service\.ts\n/,
  },
  'a file that is not there, by the name that it is compiled to': {
    files: { 'service.ts': SERVICE("import { word } from './gone.js';\nexport const hello = word;") },
    says: /^FOLDER\/service\.ts:3: Error: Cannot find module /,
  },
  'a package that is not installed': {
    files: { 'service.ts': SERVICE("import word from 'gone-package';\nexport const hello = word;") },
    says: /^FOLDER\/service\.ts:3: Error: Cannot find package 'gone-package' imported from /,
  },
  'an export that a module does not have': {
    files: {
      'word.ts': 'export const other = 1;\n',
      'service.ts': SERVICE("import { word } from './word.ts';\nexport const hello = word;"),
    },
    says: /^FOLDER\/service\.ts:3: SyntaxError: .*'word'\n {4}import \{ word \} from '\.\/word\.ts';\n/,
  },
  'an error at the top of a module': {
    files: { 'service.ts': SERVICE("export const hello = JSON.parse('');") },
    says: /^FOLDER\/service\.ts:3:27: SyntaxError: /,
  },
  'a configuration that is none': {
    files: { 'service.ts': 'export {};\n', 'multilane.config.ts': SERVICE('export default 1;') },
    says: /^FOLDER\/multilane\.config\.ts:3: the default export must be an object/,
  },
  'a list of services that is none': {
    files: { 'service.ts': 'export {};\n', 'multilane.config.ts': 'export default { services: [] };\n' },
    says: /^FOLDER\/multilane\.config\.ts:1: "services" must be a list/,
  },
} as const;

describe('a message about a built project', () => {
  let folder: string;
  let messages: Readonly<Record<string, string>>;
  let project: LoadedProject;

  before(async function () {
    this.timeout(60_000);
    project = new LoadedProject();
    ({ folder } = project);
    for (const [index, { files }] of Object.values(CASES).entries()) project.addCase(`case${index}`, files);
    project.write('migrations/0001_a.sql', 'select 1;');
    project.write('migrations/0001_b.sql', 'select 1;');
    const read = await project.messages(
      Object.keys(CASES).map((_, index) => `case${index}`),
      'built',
    );
    messages = Object.fromEntries(Object.keys(CASES).map((what, index) => [what, read[index]!]));
  });
  after(() => project.remove());

  for (const [index, [what, { says }]] of Object.entries(CASES).entries()) {
    it(`names the source: ${what}`, () => {
      const message = messages[what]!;
      expect(message).to.match(new RegExp(says.source.replaceAll('FOLDER', `case${index}`)));
      expect(message).to.not.include('dist/');
    });
  }

  it('names the source of migrations, and of files that are not there', async () => {
    const set = (name: string) => ({ name: 'one', folder: pathToFileURL(join(folder, 'dist', name)) });
    const failure = (name: string): Promise<string> =>
      readMigrations('one', set(name)).then(() => 'none', String);
    expect(await failure('migrations')).to.match(
      new RegExp(`: ${folder}/migrations/0001_b\\.sql: has the number of `),
    );
    expect(await failure('gone')).to.include(`"one", ${folder}/gone, is not there`);
    const url = (name: string): URL => pathToFileURL(join(folder, 'dist', name));
    expect(() => defineService({ name: 'one', routes() {}, tasks: url('tasks.ts') })).to.throw(
      `no file ${folder}/tasks.ts`,
    );
    project.write('later.ts', 'export {};\n');
    expect(
      () => defineService({ name: 'one', routes() {}, tasks: url('later.js') }),
      'a source that has not been built yet',
    ).to.throw(`no file ${folder}/dist/later.js`);
  });

  it('names the built file itself where the sources are elsewhere', () => {
    const built = join(folder, 'dist/multilane.config.js');
    expect(sourceFile(built)).to.equal(join(folder, 'multilane.config.ts'));
    rmSync(join(folder, 'tsconfig.json'));
    expect(sourceFile(built)).to.equal(built);
    expect(sourceFile('/multilane.config.js')).to.equal('/multilane.config.js');
  });
});
