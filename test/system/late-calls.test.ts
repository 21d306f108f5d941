// Calls that outlive the handler that has begun them, to a service that never responds.
import { expect } from 'chai';
import { get, json } from '#test/support/client.js';
import { silent, TestInstance } from '#test/support/instance.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { LATE_CALLS } from './fixtures/paths.js';

const KINDS = ['plain', 'hedged', 'hedged-late', 'shared', 'limited', 'signal'];
const ALL = [...KINDS.flatMap((kind) => [kind, `${kind}/async`]), 'repeated', 'afterwards', 'stream'];

describe('calls that outlive their handler', () => {
  // That in a response that streams ends after REQUEST_TIMEOUT_MS.
  const cluster = useCluster({
    config: LATE_CALLS,
    // All of them are the first work of the worker, which takes long on a busy machine.
    env: { WORKERS: '1', REQUEST_TIMEOUT_MS: '1000', ADAPTIVE_LIMIT: 'off' },
  });

  it('end at the deadline of its request, and give back what they hold', async () => {
    const instance = await TestInstance.start(cluster.adminUrl, 'silent', 'one');
    instance.behave = silent;
    const failing = await TestInstance.start(cluster.adminUrl, 'failing-once', 'one');
    failing.behave = (request, response) => {
      if (failing.received === 1) response.writeHead(503).end();
      else silent(request, response);
    };
    try {
      for (const kind of ALL) void get(`${cluster.url}/begin/${kind}`).catch(() => undefined);
      const results = await until(
        async () => json<Record<string, string>>(await get(`${cluster.url}/results`)),
        (all) => Object.keys(all).length === ALL.length && !Object.values(all).includes('running'),
      );
      expect(results).to.have.all.keys(ALL);
      expect(new Set(Object.values(results))).to.deep.equal(new Set(['DEADLINE_EXCEEDED']));
    } finally {
      instance.stop();
      failing.stop();
    }
  });
});
