// The error messages for a project that does not load: the file and the line, only the stack frames of the
// project, and what to do next.
import { expect } from 'chai';
import { itWhere } from '#test/support/where.js';
import { inFolder, refusal } from './loading.js';

const config = (text: string): Record<string, string> => ({ 'multilane.config.mjs': text });
const SERVICE = `import './service.mjs';\nexport default {};`;

type Case = readonly [string, Record<string, string>, string];
const CASES: readonly Case[] = [
  [
    'a syntax error',
    config('export default {\n  port: 1,,\n};'),
    `multilane.config.mjs:2: SyntaxError: Unexpected token ','
      port: 1,,
              ^
  while loading multilane.config.mjs. Correct it and start again.`,
  ],
  [
    'a syntax error in a service',
    { ...config(SERVICE), 'service.mjs': '\nconst service = (1 + ;' },
    `service.mjs:2: SyntaxError: Unexpected token ';'
    const service = (1 + ;
                         ^
  while loading multilane.config.mjs. Correct it and start again.`,
  ],
  [
    'a syntax error in an import of a service, in a project without a module type',
    {
      'multilane.config.js': `import './service.js';\nexport default {};`,
      'service.js': `export {\n  rule,\n} from './rules.js';`,
      'rules.js': 'export const rule = [;',
    },
    `rules.js:1: SyntaxError: Unexpected token ';'
    export const rule = [;
                         ^
  while loading multilane.config.js. Correct it and start again.`,
  ],
  [
    'a syntax error in a CommonJS module',
    { ...config(`import './rules.cjs';\nexport default {};`), 'rules.cjs': 'module.exports = [;' },
    `rules.cjs:1: SyntaxError: Unexpected token ';'
    module.exports = [;
                      ^
  while loading multilane.config.mjs. Correct it and start again.`,
  ],
  [
    'an import in a project of CommonJS',
    {
      'multilane.config.js': `import 'node:fs';\nexport default {};`,
      'package.json': '{ "type": "commonjs" }',
    },
    `multilane.config.js:1: SyntaxError: Cannot use import statement outside a module
    import 'node:fs';
    ^^^^^^
  while loading multilane.config.js. Node.js reads it as CommonJS, because of "type" in package.json: write "type": "module" there, or let the name of the file end with .mjs.`,
  ],
  [
    'an export in a project of CommonJS',
    { 'multilane.config.js': 'export default {};', 'package.json': '{ "type": "commonjs" }' },
    `multilane.config.js:1: SyntaxError: Unexpected token 'export'
    export default {};
    ^^^^^^
  while loading multilane.config.js. Node.js reads it as CommonJS, because of "type" in package.json: write "type": "module" there, or let the name of the file end with .mjs.`,
  ],
  [
    'an await at the top level of CommonJS',
    { ...config(`import './app.cjs';\nexport default {};`), 'app.cjs': 'const pool = await connect();' },
    `app.cjs:1: SyntaxError: await is only valid in async functions and the top level bodies of modules
    const pool = await connect();
                 ^^^^^
  while loading multilane.config.mjs. Write it in an async function. At the top level of CommonJS, export the function or its promise, and await that in multilane.config.mjs.`,
  ],
  [
    'a file that ends too early',
    config('export default {\n  services: [\n'),
    `multilane.config.mjs:3: SyntaxError: Unexpected end of input
  while loading multilane.config.mjs. Correct it and start again.`,
  ],
  [
    'a service that ends too early',
    { ...config(SERVICE), 'service.mjs': 'const service = {\n  name: 1,\n' },
    `service.mjs:3: SyntaxError: Unexpected end of input
  while loading multilane.config.mjs. Correct it and start again.`,
  ],
  [
    'an import of a name that is not exported',
    { ...config(`import { x } from './service.mjs';\nexport default { x };`), 'service.mjs': '' },
    `multilane.config.mjs:1: SyntaxError: The requested module './service.mjs' does not provide an export named 'x'
    import { x } from './service.mjs';
             ^
  while loading multilane.config.mjs. It exports nothing: add export in front of x there.`,
  ],
  [
    'a value that cannot be shown',
    config(`import { inspect } from 'node:util';
throw { [inspect.custom]() { throw new Error('no'); } };`),
    `multilane.config.mjs: [unreadable] was thrown, which is no Error
  while loading multilane.config.mjs. Correct it and start again.`,
  ],
  [
    'errors that are the causes of each other, with the password of a URL',
    config(`const inner = new Error('inner');
const outer = new Error('postgres://me:hunter2@db/shop is not there', { cause: inner });
inner.cause = outer;
throw outer;`),
    `multilane.config.mjs:2:15: Error: postgres://me:[redacted]@db/shop is not there
    at multilane.config.mjs:2:15
  caused by Error: inner
  while loading multilane.config.mjs. Correct it and start again.`,
  ],
  [
    'a value with the password of a URL',
    config(`throw 'postgres://me:hunter2@db/shop';`),
    `multilane.config.mjs: 'postgres://me:[redacted]@db/shop' was thrown, which is no Error
  while loading multilane.config.mjs. Correct it and start again.`,
  ],
  [
    'an error with a message of any length',
    config(`throw new Error('x'.repeat(30_000_000));`),
    `multilane.config.mjs:1:7: Error: [30000000 characters]
    at multilane.config.mjs:1:7
  while loading multilane.config.mjs. Correct it and start again.`,
  ],
  [
    'a throw at the top level of a service',
    {
      ...config(SERVICE),
      'service.mjs': `const fail = () => {\n  throw new RangeError('no\\nway');\n};\nfail();`,
    },
    `service.mjs:2:9: RangeError: no
  way
    at fail (service.mjs:2:9)
    at service.mjs:4:1
  while loading multilane.config.mjs. Correct it and start again.`,
  ],
  [
    'a throw that has a cause',
    config(`throw new Error('no rates', { cause: new TypeError('no\\nway', { cause: 'x' }) });`),
    `multilane.config.mjs:1:7: Error: no rates
    at multilane.config.mjs:1:7
  caused by TypeError: no
    way
  caused by 'x' was thrown, which is no Error
  while loading multilane.config.mjs. Correct it and start again.`,
  ],
  [
    'a thrown value that is not an Error',
    config(`throw 'no way';`),
    `multilane.config.mjs: 'no way' was thrown, which is no Error
  while loading multilane.config.mjs. Correct it and start again.`,
  ],
  [
    'a promise at the top level that rejects',
    config(`\nawait Promise.reject(new Error('no way'));`),
    `multilane.config.mjs:2:22: Error: no way
    at multilane.config.mjs:2:22
  while loading multilane.config.mjs. Correct it and start again.`,
  ],
  [
    'an import of a file that has another name',
    { ...config(`\nimport './service';`), 'service.mjs': '' },
    `multilane.config.mjs:2: Error: Cannot find module 'service' imported from multilane.config.mjs
  while loading multilane.config.mjs. An import names the whole file: did you mean './service.mjs'?`,
  ],
  [
    'an import of a missing file in a service',
    { ...config(SERVICE), 'service.mjs': `// import './rules.mjs'\nimport './rules.mjs';` },
    `service.mjs:2: Error: Cannot find module 'rules.mjs' imported from service.mjs
  while loading multilane.config.mjs. Correct the path.`,
  ],
  [
    'an import of a package that is not installed',
    config(`import x from '@shop/absent/rules.js';\nexport default x;`),
    `multilane.config.mjs:1: Error: Cannot find package '@shop/absent' imported from multilane.config.mjs
  while loading multilane.config.mjs. Install it (npm install @shop/absent), or correct the import.`,
  ],
  [
    'an invalid service',
    config(
      `import { defineService } from '${import.meta.resolve('multilane')}';\ndefineService({ name: 'A' });`,
    ),
    `multilane.config.mjs:2:1: service name "A" must match ^[a-z][a-z0-9-]{0,62}$
    at multilane.config.mjs:2:1
  while loading multilane.config.mjs. Correct it and start again.`,
  ],
];

/** What an import names, what its module contains, and what to do next. */
const MISSING_EXPORTS: readonly (readonly [string, string, string])[] = [
  [
    'hello',
    'export const hello = 1;',
    `It has no default export, but "hello": write import { hello } from './service.mjs'`,
  ],
  [
    'hello',
    'export function one() {}\nexport { two as three };\nconst two = 2;',
    'It exports one, three: correct the name in the braces of the import.',
  ],
  ['hello', 'const hello = 1;', 'It exports nothing: add export default in front of what is meant.'],
  ['{ helo }', 'export async function hello() {}', `Did you mean import { hello } from './service.mjs'?`],
  ['{ helo }', `export * from './rules.mjs';`, `Did you mean import { hello } from './service.mjs'?`],
  ['{ hello }', 'export default 1;', `It has a default export only: write import hello from './service.mjs'`],
];

const WRONG_EXPORTS: readonly (readonly [string, string, string])[] = [
  ['no default', 'export const port = 1;', ': there is no default export'],
  ['a function', '\nexport default () => ({});', ':2: the default export must be an object, not a function'],
  ['null', 'export default null;', ':1: the default export must be an object, not null'],
  ['a list', 'export default [];', ':1: the default export must be an object, not a list'],
  [
    'a promise',
    'export default Promise.resolve({});',
    ':1: the default export must be an object, not a promise (export default await …)',
  ],
  [
    'a service',
    'export default { name: "a", routes() {} };',
    ':1: the default export is a service, not a configuration',
  ],
];

/** Node.js 20 does not run TypeScript. */
const runsTypeScript = 'typescript' in process.features && process.features.typescript !== false;

describe('the error of a project that does not load', () => {
  /** The message with paths relative to the project, without the frames of this test. */
  const told = (files: Record<string, string>): Promise<string> =>
    inFolder(files, async (cwd) =>
      (await refusal({ cwd })).replaceAll(`${cwd}/`, '').replaceAll(/\n +at .*\(?\btest\/config\/.*/g, ''),
    );

  for (const [what, files, message] of CASES) {
    it(`has the position of ${what}`, async () => {
      expect(await told(files)).to.equal(`78 ${message}`);
    });
  }

  for (const [what, text, next] of MISSING_EXPORTS) {
    it(`names what a module exports: import ${what}, from ${text.split('\n').join(' ')}`, async () => {
      const message = await told({
        ...config(`import ${what} from './service.mjs';\nexport default {};`),
        'service.mjs': text,
        'rules.mjs': 'export class hello {}\nexport default 1;',
      });
      expect(message).to.match(/^78 multilane\.config\.mjs:1: SyntaxError/);
      expect(message.split('while loading multilane.config.mjs. ')[1]).to.equal(next);
    });
  }

  for (const [what, text, next] of [
    [
      'the value that a CommonJS module is',
      'const app = () => 1;\nmodule.exports = app;',
      `Its module.exports is one value, which is its default export: write import app from './app.cjs'`,
    ],
    [
      'nothing of a module that has an object of names',
      'module.exports = { ...{ other: 1 } };',
      'Node.js finds no name app in it, which is a CommonJS module: write exports.app = app there',
    ],
  ] as const)
    it(`says how to import ${what}`, async () => {
      const files = config(`import { app as before } from './app.cjs';\nexport default { before };`);
      const message = await told({ ...files, 'app.cjs': text });
      expect(message).to.match(/^78 multilane\.config\.mjs:1: SyntaxError: /);
      expect(message.split('while loading multilane.config.mjs. ')[1]).to.equal(next);
    });

  describe('about a file in CommonJS that is read as an ES module', () => {
    const TYPE = '"type": "module" in package.json';
    const reads = (why: string, write: string): string =>
      `Node.js reads it as an ES module, because of ${why}, so exports and module.exports have no effect: let its ` +
      `name end with .cjs, or ${write}.`;
    const inPlace = (write: string): string =>
      `Node.js reads it as an ES module, in which exports and module.exports have no effect: ${write}.`;
    /** What is imported, by which file, its text, and what to do next. */
    const cases: readonly (readonly [string, string, string, string])[] = [
      [
        'before',
        'app.js',
        'const app = 1;\nmodule.exports = app;',
        reads(TYPE, 'write export default app in place of module.exports'),
      ],
      [
        'before',
        'app.js',
        "import { join as app } from 'node:path';\nmodule.exports = app;",
        inPlace('write export default app in place of module.exports'),
      ],
      [
        'before',
        'app.js',
        'const app = (() => 1)(); module.exports = app;',
        reads(TYPE, 'write export default app in place of module.exports'),
      ],
      [
        '{ app as before }',
        'app.js',
        'const app = 1; exports.app = app;',
        reads(TYPE, 'write export { app } in place of exports.app'),
      ],
      [
        '{ app as before }',
        'app.js',
        'const app = 1;\nexports.app = app;',
        reads(TYPE, 'write export { app } in place of exports.app'),
      ],
      [
        '{ app }',
        'app.mjs',
        'const server = 1;\nmodule.exports.app = server;',
        reads('its name', 'write export { server as app } in place of exports.app'),
      ],
      [
        '{ app }',
        'app.js',
        'const app = 1;\nmodule.exports = { app };',
        reads(TYPE, 'add export in front of app there'),
      ],
      [
        'app',
        'app.js',
        'module.exports = () => 1;',
        reads(TYPE, 'add export default in front of what is meant'),
      ],
      [
        '{ app }',
        'app.js',
        '// module.exports = app;',
        'It exports nothing: add export in front of app there.',
      ],
      [
        '{ app as before }',
        'app.js',
        'export const other = 1;\nmodule.exports = other;',
        'It exports other: correct the name in the braces of the import.',
      ],
    ];
    for (const [what, file, text, next] of cases)
      it(`says how to export it: import ${what} from ${file} with ${text.split('\n').join(' ')}`, async () => {
        const message = await told({
          ...config(`import ${what} from './${file}';\nexport default {};`),
          'package.json': '{ "type": "module" }',
          [file]: text,
        });
        expect(message.split('while loading multilane.config.mjs. ')[1]).to.equal(next);
      });
  });

  it('names what a package exports, of which only the nearest name is of use', async () => {
    const message = await told(config(`import { joinn } from 'node:path';\nexport default joinn;`));
    expect(message).to.match(/^78 multilane\.config\.mjs:1: /);
    expect(message).to.include(`Did you mean import { join } from 'node:path'?`);
  });

  for (const [what, text, message] of WRONG_EXPORTS) {
    it(`names the line that exports ${what}, and the expected export`, async () => {
      expect(await told(config(text))).to.equal(
        `78 multilane.config.mjs${message}; write: export default defineConfig({ services: [...] })`,
      );
    });
  }

  itWhere(!runsTypeScript)('names the import of TypeScript that this Node.js does not run', async () => {
    const files = { ...config(`\nimport './service.ts';`), 'service.ts': 'const port: number = 1;' };
    expect(await told(files))
      .to.match(/^78 multilane\.config\.mjs:2: .*"\.ts"/)
      .and.include(
        `Node.js ${process.versions.node} does not run TypeScript: use 22.18 or newer, or build it (npx multilane build)`,
      );
  });

  for (const [what, text, message] of [
    [
      'an enum',
      'const port: number = 1;\nenum Color { Red }\n',
      /^78 multilane\.config\.ts:2: SyntaxError: TypeScript enum is not supported[\s\S]*Node\.js only removes types: .*build it \(npx multilane build\), and run the command with --config dist/,
    ],
    [
      'a parameter property',
      'class A {\n  constructor(readonly port: number) {}\n}\n',
      /^78 multilane\.config\.ts:2: SyntaxError: TypeScript parameter property[\s\S]*Node\.js only removes types: /,
    ],
    [
      'a namespace',
      'namespace A { export const port = 1; }\n',
      /^78 multilane\.config\.ts:1: SyntaxError: TypeScript namespace[\s\S]*Node\.js only removes types: /,
    ],
    [
      'a decorator',
      'const port: number = 1;\n@sealed class A { port: number = 1; }\n',
      /^78 multilane\.config\.ts:2: SyntaxError: [\s\S]*Node\.js runs no decorators: .*npx multilane build/,
    ],
    [
      'a type that is imported as a value',
      "\nimport { Port } from './port.ts';\nexport const port: Port = 1;\n",
      /^78 multilane\.config\.ts:2: SyntaxError: [\s\S]*It is a type, so mark it: import \{ type Port \} from '\.\/port\.ts'/,
    ],
    [
      'an import without the extension',
      "\nimport './port';\n",
      /^78 multilane\.config\.ts:2: [\s\S]*did you mean '\.\/port\.ts'\?/,
    ],
  ] as const) {
    itWhere(runsTypeScript)(
      `names the line of what Node.js does not run, and the next step: ${what}`,
      async () => {
        const files = { 'multilane.config.ts': text, 'port.ts': 'export type Port = number;\n' };
        expect(await told(files)).to.match(message);
      },
    );
  }

  it('does not occur for TypeScript where this Node.js runs it', () =>
    inFolder({ 'multilane.config.ts': 'const port: number = 1;\nexport default { port };' }, async (cwd) => {
      const text = await refusal({ cwd }).catch((error: Error) => error.message);
      if (runsTypeScript) expect(text).to.equal('was not refused');
      else expect(text).to.match(/^78 \S*multilane\.config\.ts: .*\n.*does not run TypeScript/);
    }));
});
