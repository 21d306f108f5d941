// The exit code of a start that fails in code of the project: supervisors start a process again that ended
// with 1, and never one that ended with 78.
import { expect } from 'chai';
import { runPrimary } from '#test/support/command.js';
import { FAILING_START } from './fixtures/paths.js';

const CODES: Readonly<Record<string, readonly [code: number, reason: RegExp]>> = {
  refused: [1, /connect ECONNREFUSED 127\.0\.0\.1:1/],
  'of a host': [1, /it has the code ECONNREFUSED, it has the code ENETUNREACH/],
  'with a cause': [1, /the cache is not there/],
  'of PostgreSQL': [1, /it has the code 57P03/],
  'of a port that is taken': [78, /it has the code EADDRINUSE/],
  'of several kinds': [78, /two things are wrong/],
  'of the project': [78, /there is no password/],
};

describe('an error of code of the project', () => {
  for (const [failure, [code, reason]] of Object.entries(CODES))
    for (const place of ['module', 'promise', 'plugin', 'routes'])
      it(`${failure} ends the start with ${code} (${place})`, async function () {
        this.timeout(40_000);
        const { code: ended, stderr } = await runPrimary({
          args: ['--config', FAILING_START],
          env: { FAILURE: failure, PLACE: place, HTTP_CORE: 'node', WORKERS: '1' },
        });
        expect(ended, stderr).to.equal(code);
        expect(stderr).to.match(reason).and.include('failing-start.config.');
        const next = code === 1 ? 'Start again when it can be reached.' : 'Correct it and start again.';
        expect(stderr).to.include(next);
      });
});
