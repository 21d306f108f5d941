// A saga step that crashes its worker, in the real process.

import { expect } from 'chai';
import { get, post } from '#test/support/client.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { FAILING_STEP } from './fixtures/paths.js';

describe('a saga step that crashes its worker', () => {
  const cluster = useCluster({
    config: FAILING_STEP,
    found: 'server',
    env: { WORKERS: '2', DRAIN_MS: '100' },
  });

  it('is tried as often as its retry rule allows, and then compensated', async function () {
    this.timeout(30_000);
    // The worker may be lost before it has responded.
    await post(`${cluster.url}/charge`, {}).catch(() => undefined);
    const saga = await until(
      async () => {
        const page = await (await get(`${cluster.adminUrl}/sagas`)).json();
        return (page as { readonly items: readonly Item[] }).items[0];
      },
      (found) => found?.status === 'compensated',
    );
    expect(saga?.status).to.equal('compensated');
    const view: unknown = await (await get(`${cluster.adminUrl}/sagas/${saga?.sagaId}`)).json();
    expect(view).to.have.nested.property('steps[0].attempts', 2);
    const ended = await until(
      () => cluster.logs().filter(({ msg }) => msg === 'worker ended'),
      ({ length }) => length >= 2,
    );
    expect(ended.map(({ reason }) => reason)).to.deep.equal(['uncaught-exception', 'uncaught-exception']);
  });
});

interface Item {
  readonly sagaId: string;
  readonly status: string;
}
