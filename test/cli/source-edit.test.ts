import { expect } from 'chai';
import {
  exportedService,
  hasMember,
  withImport,
  withListItem,
  withMember,
  withRouteCall,
} from '#src/cli/generate/source-edit.js';

const IMPORT = `import { b } from './b.js';`;

describe('an edit of a module of a project', () => {
  for (const [what, before, after] of [
    ['the last import', `import a from 'a';\n\nx();\n`, `import a from 'a';\n${IMPORT}\n\nx();\n`],
    [
      'an import over several lines',
      `import {\n  a,\n} from 'a';\nx();\n`,
      `import {\n  a,\n} from 'a';\n${IMPORT}\nx();\n`,
    ],
    [
      'the first comment',
      `// A text with "import x from 'y';"\nx();\n`,
      `// A text with "import x from 'y';"\n${IMPORT}\n\nx();\n`,
    ],
  ] as const) {
    it(`adds an import behind ${what}`, () => expect(withImport(before, IMPORT)).to.equal(after));
  }

  for (const [before, after] of [
    ['({ services: [] })', '({ services: [b] })'],
    ['({ services: [\n  ] })', '({ services: [b] })'],
    ['({ services: [a] })', '({ services: [a, b] })'],
    ['({ services: [a,] })', '({ services: [a, b] })'],
    ['({\n  services: [\n    a,\n  ],\n})', '({\n  services: [\n    a,\n    b,\n  ],\n})'],
    ['({\n  services: [\n    a\n  ],\n})', '({\n  services: [\n    a,\n    b\n  ],\n})'],
    ['// services: [x]\n({ services: [a] })', '// services: [x]\n({ services: [a, b] })'],
    ["({ note: 'services: [x]', services: [a] })", "({ note: 'services: [x]', services: [a, b] })"],
  ] as const) {
    it(`adds an item to ${JSON.stringify(before)}`, () =>
      expect(withListItem(before, 'services', 'b')).to.equal(after));
  }

  for (const unusual of [
    '({ services })',
    '({ services: list() })',
    '({ services: [...all] , services: [x] })',
    '({ services: [one(), two] })',
    '({ services: [ /* none yet */ ] })',
    '({ services: [a] ',
    "const r = /'/; ({ services: [a, 'b] })",
  ]) {
    it(`leaves ${JSON.stringify(unusual)} alone`, () =>
      expect(withListItem(unusual, 'services', 'b')).to.equal(undefined));
  }

  it('adds a member behind the name of the only service', () => {
    const add = (text: string): string | undefined => withMember(text, 'sagas: [b]');
    expect(add("defineService({ name: 'a', routes })")).to.equal(
      "defineService({ name: 'a', sagas: [b], routes })",
    );
    expect(add("defineService({\n  name: 'a',\n  routes,\n})")).to.equal(
      "defineService({\n  name: 'a',\n  sagas: [b],\n  routes,\n})",
    );
    expect(add("defineService({ name: 'a' })")).to.equal("defineService({ name: 'a', sagas: [b], })");
    expect(add('defineService({ name: NAME, routes })')).to.equal(undefined);
    expect(add("defineService({ name: 'a' }); defineService({ name: 'b' })")).to.equal(undefined);
    expect(hasMember("defineService({ name: 'sagas: x', routes })", 'sagas')).to.equal(false);
    expect(hasMember("defineService({ name: 'a', sagas: [b] })", 'sagas')).to.equal(true);
  });

  it('adds a call to the function that registers routes', () => {
    const add = (text: string): string | undefined => withRouteCall(text, (app) => `b(${app});`);
    expect(add('({\n  routes(app, { db }) {\n    x();\n  },\n})')).to.equal(
      '({\n  routes(app, { db }) {\n    b(app);\n    x();\n  },\n})',
    );
    expect(add('({\n  routes: (server) => {\n    x();\n  },\n})')).to.equal(
      '({\n  routes: (server) => {\n    b(server);\n    x();\n  },\n})',
    );
    expect(add('({ routes(app: Application): void { x(); } })')).to.equal(
      '({ routes(app: Application): void { b(app); x(); } })',
    );
    expect(add('({ routes })')).to.equal(undefined);
    expect(add('({ routes: (app) => app.get("/", f) })')).to.equal(undefined);
  });

  it('finds the variable of the only service', () => {
    expect(exportedService("export const a = defineService({ name: 'b' });")).to.equal('a');
    expect(exportedService('export default defineService({});')).to.equal(undefined);
  });
});
