// The HTTP core of the processes that tests start: `HTTP_CORE=node npx mocha …` runs them on `node:http`, as
// scripts/on-node.mjs does with `--node-core`. Where the cores are meant to differ, a test states the value
// of each, as the table in docs/http.md does: `{ uws: …, node: … }[CORE]`.
// Suites whose servers live in the test's own process run on both cores by themselves (test/server/cores.ts).
import type { CoreUnderTest } from '#test/server/cores.js';

export const CORE: CoreUnderTest['name'] = process.env.HTTP_CORE === 'node' ? 'node' : 'uws';

/** The values of SHARDING that the core has. */
export const SHARDINGS = ({ uws: ['acceptor', 'reuseport'], node: ['reuseport'] } as const)[CORE];
