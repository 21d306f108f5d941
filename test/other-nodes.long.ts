// Runs the whole suite on the newer supported versions of Node.js. `npm test` runs it on the installed
// version, and .ci/run runs a part of it on these versions (.ci/smoke).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { ROOT } from '#test/support/cluster.js';

const VERSIONS = [22, 24];
/** Lines of output that are kept for a failure's message; the summary of mocha is at the end. */
const MOST_LINES = 300;
const SUMMARY = /^ +\d+ (passing|failing|pending)\b/;

describe('the whole suite', () => {
  for (const version of VERSIONS) {
    it(`passes on Node.js ${version}`, async function () {
      this.timeout(3_600_000);
      const child = spawn(process.execPath, ['scripts/on-node.mjs', String(version)], {
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
