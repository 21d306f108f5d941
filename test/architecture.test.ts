import { expect } from 'chai';
import { deadImports, forbiddenImports, isPlaced, misplacedNames } from './architecture/rooms.js';
import { cycles, parse, sourcesBelow } from './architecture/source.js';

describe('the architecture', () => {
  const sources = sourcesBelow('src', 'workers');

  it('gives every file a room', () => {
    expect(sources.filter((source) => !isPlaced(source)).map(({ path }) => path)).to.deep.equal([]);
  });

  it('has no arrow between rooms that the rooms forbid, and no library outside its room', () => {
    expect(sources.flatMap(forbiddenImports)).to.deep.equal([]);
  });

  it('names shared memory, the environment and threads only where they belong', () => {
    expect(sources.flatMap(misplacedNames)).to.deep.equal([]);
  });

  it('has no cycle, not even of types', () => {
    expect(cycles(sources)).to.deep.equal([]);
  });

  it('imports no file of ours that is not there', () => {
    expect(sources.flatMap(deadImports)).to.deep.equal([]);
  });
});

describe('the rules of the architecture find', () => {
  const forbidden = (path: string, text: string): readonly string[] => forbiddenImports(parse(path, text));

  for (const [what, path, text] of [
    ['an arrow against the table', 'src/server/a.ts', `import { x } from '../db/pool.js';`],
    ['one of a type', 'src/memory/a.ts', `import type { X } from '../telemetry/log.js';`],
    ['one over several lines', 'src/db/a.ts', `import {\n  x,\n  y,\n} from '../saga/saga.js';`],
    ['one in an export', 'src/db/a.ts', `export { x } from '../saga/saga.js';`],
    ['one in an import for its effect', 'src/db/a.ts', `import '../saga/saga.js';`],
    ['one in a dynamic import', 'src/db/a.ts', `const x = await import('../saga/saga.js');`],
    [
      'one behind a string with slashes',
      'src/db/a.ts',
      `const u = 'http://x';\nimport { y } from '../saga/saga.js';`,
    ],
    [
      'a shop that reaches below the surface',
      'src/services/users/a.ts',
      `import { x } from '../../db/pool.js';`,
    ],
    ['a service in another one', 'src/services/users/a.ts', `import { x } from '../orders/store.js';`],
    ['the surface in a room', 'src/db/a.ts', `import { x } from '../index.js';`],
    ['the core outside its files', 'src/server/routing/router.ts', `import uws from 'uWebSockets.js';`],
    ['pg outside db', 'src/saga/a.ts', `import type { Pool } from 'pg';`],
    ['the command line in the process', 'src/primary/a.ts', `import { x } from '../cli/output.js';`],
    ['the test kit in the process', 'src/primary/a.ts', `import { x } from '../testing/test-app.js';`],
    ['a library of the command line elsewhere', 'src/config/a.ts', `import { Command } from 'commander';`],
    ['a logger made elsewhere', 'src/db/a.ts', `import { pino } from 'pino';`],
    [
      'values of a contract that is for types',
      'src/admin/a.ts',
      `import { x } from '../registry/registry.js';`,
    ],
  ] as const) {
    it(what, () => expect(forbidden(path, text)).to.have.length(1));
  }

  for (const [what, path, text] of [
    ['an allowed arrow', 'src/saga/a.ts', `import { x } from '../db/database.js';`],
    ['a comment', 'src/memory/a.ts', `// import { x } from '../db/pool.js';\n/* import '../db/pool.js'; */`],
    ['errors, free for all', 'src/memory/a.ts', `import { HttpError } from '../errors.js';`],
    ['types of a contract', 'src/admin/a.ts', `import { type X } from '../registry/registry.js';`],
    ['the surface in a shop', 'src/services/users/a.ts', `import { Type } from 'multilane';`],
    [
      'a command',
      'src/cli/commands/a.ts',
      `import { Command } from 'commander';\nimport '../../db/pool.js';`,
    ],
    ['wiring', 'workers/a.ts', `import { x } from '#src/db/pool.js';`],
  ] as const) {
    it(`nothing in ${what}`, () => expect(forbidden(path, text)).to.deep.equal([]));
  }

  it('a cycle, and names its files', () => {
    const a = parse('src/a.ts', `import type { B } from './b.js';`);
    const b = parse('src/b.ts', `import { a } from './a.js';`);
    expect(cycles([a, b])).to.deep.equal(['src/a.ts -> src/b.ts -> src/a.ts']);
  });

  it('names in code, not in comments', () => {
    expect(misplacedNames(parse('src/db/a.ts', 'const x = process.env.X; // Atomics'))).to.have.length(1);
    expect(misplacedNames(parse('src/db/a.ts', '/** a SharedArrayBuffer */ const x = 1;'))).to.deep.equal([]);
  });
});
