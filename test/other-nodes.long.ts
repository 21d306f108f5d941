// Runs the whole suite on the newer supported versions of Node.js, and on the HTTP core on `node:http` with
// the first version on which its workers share a port. `npm test` runs it on the installed version, with a
// part of it on that core (.ci/node-core), and .ci/run runs parts of it on these versions (.ci/smoke).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { ROOT } from '#test/support/cluster.js';

const RUNS: Readonly<Record<string, readonly string[]>> = {
  'Node.js 22': ['22'],
  'Node.js 24': ['24'],
  'Node.js 22 with HTTP_CORE=node': ['22', '--node-core'],
};
/** Lines of output that are kept for a failure's message; the summary of mocha is at the end. */
const MOST_LINES = 300;
const SUMMARY = /^ +\d+ (passing|failing|pending)\b/;

describe('the whole suite', () => {
  for (const [name, args] of Object.entries(RUNS)) {
    it(`passes on ${name}`, async function () {
      this.timeout(3_600_000);
      const child = spawn(process.execPath, ['scripts/on-node.mjs', ...args], {
        cwd: ROOT,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = once(child, 'close') as Promise<[number | null]>;
      const last: string[] = [];
      createInterface({ input: child.stdout }).on('line', (line) => {
        last.push(line);
        if (last.length > MOST_LINES) last.shift();
      });
      const [code] = await exited;
      for (const line of last.filter((text) => SUMMARY.test(text))) console.log(`    ${line}`);
      expect(code, last.join('\n')).to.equal(0);
    });
  }
});
