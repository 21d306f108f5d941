// Every statement that a message about a missing export proposes can be parsed, whatever the module has.
import { expect } from 'chai';
import { nextForMissingExport } from '#src/user-code/exported-names.js';
import { inFolder } from '#test/config/loading.js';

const NAMES = ['default', 'app', 'delete', 'await', 'Ünit'];
const TEXTS = [
  '',
  'const app = 1;\nmodule.exports = app;',
  'module.exports = { app };',
  'const server = 1;\nexports.app = server;',
  "import 'node:fs';\nmodule.exports = exports = app;",
  'export default 1;',
  'export const hello = 1;',
  'export const a = 1, b = 2;\nexport { a as apps };',
  'export type { Unit as default, Unit as app };',
  'exports.delete = app;',
];
const FILES = ['app.js', 'app.cjs', 'app.mjs', 'app.ts'];
const TYPES = ['module', 'commonjs', undefined];
const MESSAGES: readonly ((name: string, specifier: string) => string)[] = [
  (name, specifier) => `The requested module '${specifier}' does not provide an export named '${name}'`,
  (name, specifier) =>
    `Named export '${name}' not found. The requested module '${specifier}' is a CommonJS module`,
];
/** What the proposed statements may refer to. */
const DECLARED = 'const app = 1, server = 1;\n';

const statementsOf = (next: string): readonly string[] =>
  [
    ...next.matchAll(
      /\bimport \S.*? from '[^']+'|\bexport (?:\{.*?\}|default (?!in )\w+)|\bexports\.\w+ = \S+/g,
    ),
  ].map(
    // Types are no part of JavaScript.
    ([statement]) => statement.replace(/\btype /, ''),
  );

/** Whether it is a module for the parser. That it cannot be linked does not count. */
async function parses(statement: string): Promise<boolean> {
  const text = statement.startsWith('import') ? statement : DECLARED + statement;
  const error = await import(`data:text/javascript,${encodeURIComponent(text)}`).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return !(error instanceof SyntaxError);
}

describe('a message about a missing export', () => {
  it('is checked by a parser that refuses', async () => {
    expect(await parses("import default from './app.js'")).to.equal(false);
    expect(await parses("import app from './app.js'")).to.equal(true);
  });

  for (const text of TEXTS)
    it(`proposes statements that can be parsed: ${JSON.stringify(text)}`, async () => {
      for (const file of FILES)
        for (const type of TYPES)
          await inFolder({ [file]: text, 'package.json': JSON.stringify({ type }) }, async (cwd) => {
            for (const name of NAMES)
              for (const message of MESSAGES) {
                const next = await nextForMissingExport(message(name, `./${file}`), `${cwd}/main.mts`);
                for (const statement of statementsOf(next ?? ''))
                  expect(await parses(statement), `${file} ${type} ${name}: ${next}`).to.equal(true);
              }
          });
    });
});
