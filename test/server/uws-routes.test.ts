// Routes without parameters are found by the core itself, the first of them at least.
import { expect } from 'chai';
import { UwsServer } from '#src/server/uws/uws-server.js';
import { type Calls, send, withCountingCore } from './cost/counting-core.js';
import { bench } from './kit.js';

describe('the routes that the core finds', () => {
  /** How often a server reads method and path to serve a GET of each path. */
  function readsOf(
    fill: Parameters<typeof bench>[0],
    paths: readonly string[],
  ): readonly (readonly number[])[] {
    const settings = { maxHeaderBytes: 1500, maxUrlBytes: 500, streamIdleMs: 60_000 };
    return withCountingCore((registered) => {
      const server = new UwsServer(bench(fill).app, { settings });
      const reads = paths.map((path) => {
        const request = { method: 'GET', path, fields: ['host', 'localhost'] };
        const calls: Calls = {};
        send(registered(request), request, calls);
        expect(calls.end, path).to.equal(1);
        return [calls.getCaseSensitiveMethod ?? 0, calls.getUrl ?? 0];
      });
      server.close();
      return reads;
    });
  }

  it('are the first 32 without parameters, whatever others are between them', () => {
    const paths = Array.from({ length: 34 }, (_, n) => `/static/${n}`);
    const reads = readsOf((app) => {
      for (const path of paths) {
        app.get(`${path}/:id`, () => 'x');
        app.get(path, () => 'x');
      }
    }, paths);
    expect(reads.slice(0, 32)).to.deep.equal(Array(32).fill([0, 0]));
    expect(reads.slice(32), 'the 33rd and the 34th').to.deep.equal(Array(2).fill([1, 1]));
  });
});
