// An import that Node.js refuses: the message names the line of the source and what to write, for a project
// that Node.js runs as it is and for one that it runs from its build.
import { expect } from 'chai';
import { LAYOUTS, type Layout, LoadedProject } from './loaded-project.js';

/** What every case has beside its service. */
const FILES = {
  'word.ts': 'export const word: number = 1;\n',
  'word-list.mts': 'export {};\n',
  'data.json': '{}',
  'page.html': '<p>',
  'lib/deep.ts': "\n\nexport { word } from '../word';\n",
  'lib/fine.ts': 'export {};\n',
  'parts/index.ts': 'export {};\n',
};
const PACKAGES = {
  'node_modules/with-exports/package.json': '{ "name": "with-exports", "exports": { "./a": "./a.js" } }',
  'node_modules/incomplete/package.json': '{ "name": "incomplete", "main": "gone.js" }',
  'node_modules/needing/package.json': '{ "name": "needing", "type": "module", "exports": "./a.js" }',
  'node_modules/needing/a.js': 'import "gone-peer";',
};
const WHOLE_FILE = "An import names the whole file: did you mean './word.ts'?";
const DEEP = "An import names the whole file: did you mean '../word.ts'?";

interface Case {
  /** The service, whose text begins in line 3. */
  readonly service: string;
  /** @default 'service.ts:3' */
  readonly place?: string;
  /** The end of the message. */
  readonly next: string;
  /** A layout in which the import is right. @default none */
  readonly runs?: Layout;
}

const CASES: Readonly<Record<string, Case>> = {
  'without the extension': { service: "import './word';", next: WHOLE_FILE },
  'without the extension, in double quotes': { service: 'import "./word";', next: WHOLE_FILE },
  'without the extension, over several lines': {
    service: "import {\n  word,\n} from './word';",
    place: 'service.ts:5',
    next: WHOLE_FILE,
  },
  'without the extension, below one in a comment': {
    service: "/*\nimport './word';\n*/\n// import './word';\nimport './word';",
    place: 'service.ts:7',
    next: WHOLE_FILE,
  },
  'without the extension, in another module': {
    service: "import './lib/deep.ts';",
    place: 'lib/deep.ts:3',
    next: DEEP,
  },
  'without the extension, in a module that is named as it is compiled': {
    service: "import './lib/fine.ts';\nawait import('./lib/deep.ts');",
    place: 'lib/deep.ts:3',
    next: DEEP,
  },
  'in export … from': { service: "export { word } from './word';", next: WHOLE_FILE },
  'in export * from': { service: "export * from './word';", next: WHOLE_FILE },
  'in a dynamic import': { service: "\nawait import('./word');", place: 'service.ts:4', next: WHOLE_FILE },
  'in a dynamic import of a template': { service: 'await import(`./word`);', next: WHOLE_FILE },
  'in a dynamic import over several lines': {
    service: "await import(\n  './word'\n);",
    place: 'service.ts:4',
    next: WHOLE_FILE,
  },
  'in a dynamic import that is computed': {
    service: "const name = ['.', 'word'].join('/');\nawait import(name);",
    place: 'service.ts:4',
    next: WHOLE_FILE,
  },
  'in a call of require': {
    service: "import { createRequire } from 'node:module';\ncreateRequire(import.meta.url)('./wordd');",
    place: 'service.ts:4',
    next: "Did you mean './word.ts'?",
  },
  'of a package in a call of require': {
    service:
      "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\nrequire('gone');",
    place: 'service.ts:5',
    next: 'Install it (npm install gone), or correct the import.',
  },
  'with the extension of the compiled file': {
    service: "import './word.js';",
    next: WHOLE_FILE,
    runs: 'built',
  },
  'with the extension of another kind of module': {
    service: "import './word-list.ts';",
    next: "An import names the whole file: did you mean './word-list.mts'?",
  },
  'with a misspelt name': { service: "import './wrod.ts';", next: "Did you mean './word.ts'?" },
  'with a misspelt name of a compiled file': {
    service: "import './wrod.js';",
    next: "Did you mean './word.ts'?",
  },
  'with a misspelt name without the extension': {
    service: "import './wrod';",
    next: "Did you mean './word.ts'?",
  },
  'with a capital letter': { service: "import './Word.ts';", next: "Did you mean './word.ts'?" },
  'of a file of another folder': { service: "import './lib/word.ts';", next: "Did you mean './word.ts'?" },
  'of a file that is nowhere': { service: "import './lib/nowhere.ts';", next: 'Correct the path.' },
  'of a file in a folder that is nowhere': { service: "import './no/where.ts';", next: 'Correct the path.' },
  'of a file without ./': {
    service: "import 'word.ts';",
    next: "The path of a file begins with ./ or ../: did you mean './word.ts'?",
  },
  'of a path that only tsconfig.json knows': {
    service: "import '@/lib/fine';",
    next: "The path of a file begins with ./ or ../: did you mean './lib/fine.ts'?",
  },
  'of a folder with an index': {
    service: "import './parts';",
    next: "An import names the whole file: did you mean './parts/index.ts'?",
  },
  'of a folder with a slash': {
    service: "import './parts/';",
    next: "An import names the whole file: did you mean './parts/index.ts'?",
  },
  'of a folder without an index': {
    service: "import './lib';",
    next: "It is a folder, and an import names a file: name one in it, such as './lib/deep.ts'.",
  },
  'of its own folder': {
    service: "import '.';",
    next: "It is a folder, and an import names a file: name one in it, such as './data.json'.",
  },
  'of a package that is not installed': {
    service: "import '@shop/gone/rules.js';",
    next: 'Install it (npm install @shop/gone), or correct the import.',
  },
  'of a package that is listed, but not installed': {
    service: "import 'listed';",
    next: 'It is in package.json, but not installed: run npm install.',
  },
  'of a package with a misspelt name': {
    service: "import 'lsited/part.js';",
    next: "Did you mean 'listed/part.js'? Otherwise install it (npm install lsited).",
  },
  'of what a package does not export': {
    service: "import 'with-exports/b';",
    next: 'Correct the path: only what "exports" in the package.json of with-exports lists can be imported.',
  },
  'of an incomplete package': {
    service: "import 'incomplete';",
    next: 'Correct the path, or install incomplete again (npm install incomplete).',
  },
  'of a package that needs another one': {
    service: "import 'needing';",
    next: 'The package needing needs it: npm install gone-peer',
  },
  'of a module of Node.js with a misspelt name': {
    service: "import 'node:fss';",
    next: "Did you mean 'node:fs'?",
  },
  'of a name that package.json lacks': {
    service: "import '#gone';",
    next: 'Correct the name, or add "#gone" to "imports" in package.json.',
  },
  'of JSON without its type': {
    service: "import data from './data.json';",
    next: "Write it with the type of the file: from './data.json' with { type: 'json' }",
  },
  'of a file that is no module': {
    service: "import './page.html';",
    next: "It is no module: read the file (readFile of node:fs/promises, new URL('./page.html', import.meta.url)).",
  },
  'of a URL': {
    service: "import 'https://example.com/a.js';",
    next: 'Node.js loads nothing from there: install the package, or put the file into the project.',
  },
};
const NAMES = Object.keys(CASES);
const serviceOf = (text: string): string =>
  `type Word = string;\ninterface Unused { a: Word }\n${text}\nexport const hello = 1;\n`;

for (const layout of LAYOUTS) {
  describe(`a wrong import in a project in TypeScript, ${layout}`, () => {
    let project: LoadedProject;
    let messages: readonly string[];
    before(async function () {
      this.timeout(60_000);
      project = new LoadedProject();
      for (const [name, text] of Object.entries(PACKAGES)) project.write(name, text);
      project.write('package.json', '{ "type": "module", "dependencies": { "listed": "1" } }');
      for (const [index, { service }] of Object.values(CASES).entries())
        project.addCase(`case${index}`, { ...FILES, 'service.ts': serviceOf(service) });
      messages = await project.messages(
        NAMES.map((_, index) => `case${index}`),
        layout,
      );
    });
    after(() => project.remove());

    for (const [index, what] of NAMES.entries()) {
      const { place = 'service.ts:3', next, runs } = CASES[what]!;
      it(`is named with its line and with what to write: ${what}`, () => {
        const message = messages[index]!;
        if (runs === layout) {
          expect(message).to.equal('loaded');
          return;
        }
        expect(message).to.match(
          new RegExp(`^case${index}/${place.replaceAll('.', '\\.')}(:\\d+)?: \\w*Error: `),
        );
        expect(message.split('while loading multilane.config.ts. ')[1]).to.equal(next);
        expect(message).to.not.include('/dist/');
      });
    }

    if (layout === 'built') {
      it('is named in the build when the source has been corrected since', () => {
        project.write('case0/service.ts', serviceOf("import './word.ts';"));
        const [message] = project.loaded(['case0'], layout);
        expect(message).to.match(/^case0\/service\.ts:3: /);
        expect(message).to.include(
          'The build is older than its source: build it again (npx multilane build).',
        );
      });
    }
  });
}
