import { expect } from 'chai';
import { deadImports, forbiddenImports, isPlaced, misplacedNames } from './architecture/modules.js';
import { cycles, parse, sourcesBelow } from './architecture/source.js';

describe('the architecture', () => {
  const sources = sourcesBelow('src', 'workers', 'dashboard');

  it('gives every file a module', () => {
    expect(sources.filter((source) => !isPlaced(source)).map(({ path }) => path)).to.deep.equal([]);
  });

  it('has only allowed imports between modules, and no library outside its module', () => {
    expect(sources.flatMap(forbiddenImports)).to.deep.equal([]);
  });

  it('uses shared memory, the environment and threads only in the allowed files', () => {
    expect(sources.flatMap(misplacedNames)).to.deep.equal([]);
  });

  it('has no import cycle, not even of types', () => {
    expect(cycles(sources)).to.deep.equal([]);
  });

  it('keeps variables of modules only where they exist once per thread', () => {
    const variables = sources.filter(({ code }) => /^(?:export )?(?:let|var) /m.test(code));
    // The share of this thread's event loop, texts of errors, globals of the fetch standard, the end of this
    // process, and when a browser has hidden its page.
    const allowed = [
      'src/server/loop-share.ts',
      'src/server/body/error-texts.ts',
      'src/server/fetch/fetch-classes.ts',
      'src/server/fetch/native.ts',
      'src/process/process-exit.ts',
      'dashboard/core/feed.ts',
    ];
    expect(variables.map(({ path }) => path)).to.have.members(allowed);
  });

  it('imports only files that exist', () => {
    expect(sources.flatMap(deadImports)).to.deep.equal([]);
  });
});

describe('the architecture test finds', () => {
  const forbidden = (path: string, text: string): readonly string[] => forbiddenImports(parse(path, text));

  for (const [what, path, text] of [
    ['an import that the table forbids', 'src/server/a.ts', `import { x } from '../db/pool.js';`],
    ['a forbidden import of a type', 'src/memory/a.ts', `import type { X } from '../telemetry/log.js';`],
    [
      'a forbidden import over several lines',
      'src/db/a.ts',
      `import {\n  x,\n  y,\n} from '../saga/saga.js';`,
    ],
    ['a forbidden export from another file', 'src/db/a.ts', `export { x } from '../saga/saga.js';`],
    ['a forbidden import without names', 'src/db/a.ts', `import '../saga/saga.js';`],
    ['a forbidden dynamic import', 'src/db/a.ts', `const x = await import('../saga/saga.js');`],
    [
      'a forbidden import after a string with slashes',
      'src/db/a.ts',
      `const u = 'http://x';\nimport { y } from '../saga/saga.js';`,
    ],
    [
      'an import of the shop from an internal module',
      'src/services/users/a.ts',
      `import { x } from '../../db/pool.js';`,
    ],
    [
      'an import of one service from another',
      'src/services/users/a.ts',
      `import { x } from '../orders/store.js';`,
    ],
    [
      'an import of the public interface from an internal module',
      'src/db/a.ts',
      `import { x } from '../index.js';`,
    ],
    [
      'an import of the HTTP core outside of its files',
      'src/server/routing/router.ts',
      `import uws from 'uWebSockets.js';`,
    ],
    [
      'an import of a value of the process from the dashboard',
      'dashboard/core/a.ts',
      `import { x } from '../../src/admin/plane-json.js';`,
    ],
    [
      'an import of other types of the process from the dashboard',
      'dashboard/core/a.ts',
      `import type { X } from '../../src/admin/server.js';`,
    ],
    [
      'a library of the process in the dashboard',
      'dashboard/core/a.ts',
      `import type { Logger } from 'pino';`,
    ],
    [
      'an import of the dashboard from the process',
      'src/admin/a.ts',
      `import type { X } from '../../dashboard/core/types.js';`,
    ],
    ['an import of pg outside of db', 'src/saga/a.ts', `import type { Pool } from 'pg';`],
    [
      'an import of the command line from the process',
      'src/primary/a.ts',
      `import { x } from '../cli/output.js';`,
    ],
    [
      'an import of the test kit from the process',
      'src/primary/a.ts',
      `import { x } from '../testing/test-app.js';`,
    ],
    [
      'a library of the command line in another module',
      'src/config/a.ts',
      `import { Command } from 'commander';`,
    ],
    ['a logger that is made outside of telemetry', 'src/db/a.ts', `import { pino } from 'pino';`],
    [
      'a value from a module of which only types are allowed',
      'src/admin/a.ts',
      `import { x } from '../registry/registry.js';`,
    ],
  ] as const) {
    it(what, () => expect(forbidden(path, text)).to.have.length(1));
  }

  for (const [what, path, text] of [
    ['an allowed import', 'src/saga/a.ts', `import { x } from '../db/database.js';`],
    ['a comment', 'src/memory/a.ts', `// import { x } from '../db/pool.js';\n/* import '../db/pool.js'; */`],
    [
      'an import of errors.ts, which every module may import',
      'src/memory/a.ts',
      `import { HttpError } from '../errors.js';`,
    ],
    [
      'an import of types where only types are allowed',
      'src/admin/a.ts',
      `import { type X } from '../registry/registry.js';`,
    ],
    [
      'an import of the public interface from the shop',
      'src/services/users/a.ts',
      `import { Type } from 'multilane';`,
    ],
    [
      'a command',
      'src/cli/commands/a.ts',
      `import { Command } from 'commander';\nimport '../../db/pool.js';`,
    ],
    [
      'an import of the types of the JSON from the dashboard',
      'dashboard/core/a.tsx',
      `import type { X } from '../../src/admin/plane-json.js';\nimport { h } from 'preact';`,
    ],
    ['wiring', 'workers/a.ts', `import { x } from '#src/db/pool.js';`],
  ] as const) {
    it(`nothing wrong in ${what}`, () => expect(forbidden(path, text)).to.deep.equal([]));
  }

  it('a cycle, with its files', () => {
    const a = parse('src/a.ts', `import type { B } from './b.js';`);
    const b = parse('src/b.ts', `import { a } from './a.js';`);
    expect(cycles([a, b])).to.deep.equal(['src/a.ts -> src/b.ts -> src/a.ts']);
  });

  it('forbidden names in code but not in comments', () => {
    expect(misplacedNames(parse('src/db/a.ts', 'const x = process.env.X; // Atomics'))).to.have.length(1);
    expect(misplacedNames(parse('src/db/a.ts', '/** a SharedArrayBuffer */ const x = 1;'))).to.deep.equal([]);
  });
});
