// What a request costs in things that can be counted, beside a handler that does the same work on the core
// alone. Time is measured by the benchmarks (`npm run bench`), never here.
import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { cleanEnvironment, ROOT } from '#test/support/cluster.js';
import type { Cost } from './cost/measure.js';

/** Calls into the core that every request makes, and those for a route that the core does not find itself. */
const HEAD = { forEach: 1, getQuery: 1, onAborted: 1 };
const SEARCHED = { getCaseSensitiveMethod: 1, getUrl: 1 };
const RESPONSE = { writeHeader: 1, end: 1 };

/** The most bytes of heap over the control: what was measured on Node.js 20, and a fifth. */
const MOST: Readonly<Record<string, { calls: object; promises: number; heap: number }>> = {
  json: { calls: { ...HEAD, ...RESPONSE }, promises: 0, heap: 2_600 },
  mounted: { calls: { ...HEAD, ...SEARCHED, ...RESPONSE }, promises: 0, heap: 4_000 },
  param: { calls: { ...HEAD, ...SEARCHED, ...RESPONSE }, promises: 0, heap: 3_200 },
  echo: { calls: { ...HEAD, ...RESPONSE, onData: 1 }, promises: 0, heap: 5_300 },
};
/** From version 24 on, Node.js takes about a fifth more heap than 20 for the same requests. */
const BY_VERSION = Number.parseInt(process.versions.node, 10) < 24 ? 1 : 1.2;

describe('the cost of a request', () => {
  let costs: Readonly<Record<string, { readonly own: Cost; readonly control: Cost }>>;
  before(function () {
    this.timeout(60_000);
    const script = 'build/test/server/cost/measure.js';
    const flags = ['--expose-gc', '--conditions=multilane-unbundled'];
    const text = execFileSync(process.execPath, [...flags, script], {
      cwd: ROOT,
      env: cleanEnvironment(),
      encoding: 'utf8',
    });
    costs = JSON.parse(text) as typeof costs;
  });

  for (const [shape, { calls, promises, heap }] of Object.entries(MOST)) {
    it(`is bounded for ${shape}: calls into the core, promises, bytes of heap`, () => {
      const { own, control } = costs[shape]!;
      expect(own.calls).to.deep.equal(calls);
      expect(own.promises).to.be.at.most(promises);
      expect(own.heap - control.heap).to.be.within(0, heap * BY_VERSION);
    });
  }
});
