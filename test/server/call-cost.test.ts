// What a call of another service costs in things that can be counted, beside a control in the same process.
// Time is measured by the benchmarks (`npm run bench -- --shapes call,hop`), never here.
import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { cleanEnvironment, ROOT } from '#test/support/cluster.js';
import type { CallCosts } from './cost/measure-call.js';

/** Promises over an asynchronous function, each with what AsyncLocalStorage adds to it. */
const PROMISES_WITHIN_PROCESS = 4;
/** Bytes of heap over that function: what was measured, and a fifth for versions of Node.js. */
const HEAP_WITHIN_PROCESS = 10_200;

describe('the cost of a call', () => {
  let costs: CallCosts;
  before(function () {
    this.timeout(60_000);
    const script = 'build/test/server/cost/measure-call.js';
    // No collection of the young generation falls into what is counted.
    const heap = ['--expose-gc', '--min-semi-space-size=32', '--max-semi-space-size=32'];
    const text = execFileSync(process.execPath, [...heap, '--conditions=multilane-unbundled', script], {
      cwd: ROOT,
      env: cleanEnvironment(),
      encoding: 'utf8',
    });
    costs = JSON.parse(text) as CallCosts;
  });

  it('is bounded within the process: promises, abort controllers, bytes of heap', () => {
    const { own, control } = costs.call!;
    expect(own.aborts).to.equal(0);
    expect(own.promises - control.promises).to.be.at.most(PROMISES_WITHIN_PROCESS);
    expect(own.heap - control.heap).to.be.within(0, HEAP_WITHIN_PROCESS);
  });

  it('is no more by HTTP than what the library itself makes: promises, bytes of heap', () => {
    const { own, control } = costs.hop!;
    expect(own.promises).to.be.below(control.promises);
    expect(own.heap).to.be.below(control.heap * 1.15);
  });
});
