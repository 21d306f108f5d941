// Ejection seen from outside: four workers, three instances of a service.
import { expect } from 'chai';
import { get, json } from '../support/client.js';
import { ask } from '../support/each-worker.js';
import { answering, cutting, silent, TestInstance } from '../support/instance.js';
import { startThreeInstances, type ThreeInstances } from '../support/three-instances.js';
import { until } from '../support/until.js';

/**
 * Longer than the test. Nothing waits for its end, so the test does not depend on the speed of the machine.
 */
const EJECTION_MS = 600_000;

interface CallResult {
  readonly status?: number;
  readonly by?: string;
  readonly code?: string;
}

interface Listed {
  readonly id: string;
  readonly state: string;
  readonly ejectedUntil: string | null;
}

describe('outlier ejection over four workers', () => {
  let three: ThreeInstances;
  before(async () => {
    three = await startThreeInstances(EJECTION_MS);
  });
  after(() => three.dispose());

  let turn = 0;
  const call = (query = ''): Promise<CallResult> =>
    ask(three.wires[turn++ % three.wires.length]!, `/call/things/x${query}`);
  const listed = async (): Promise<readonly Listed[]> => {
    const url = `${three.cluster.adminUrl}/registry/v1/services/things`;
    return (await json<{ instances: Listed[] }>(await get(url))).instances;
  };
  const linesOf = (message: string) => three.cluster.logs().filter(({ msg }) => msg === message);

  it('ejects an instance for all workers after five failures, whichever workers saw them', async () => {
    const [a] = three.instances;
    a!.behave = cutting;
    while (a!.received < 5) await call();
    // The ejection holds from the next call on, whichever worker makes it.
    for (let i = 0; i < 24; i++) expect((await call()).status).to.equal(200);
    expect(a!.received).to.equal(5);
    a!.behave = answering(200);
  });

  it('shows the end of the ejection, counts it, and logs it once', async () => {
    const [a, ...others] = await listed();
    expect(a).to.include({ id: 'a', state: 'ejected' });
    expect(Date.parse(a!.ejectedUntil!) - Date.now()).to.be.within(EJECTION_MS / 2, EJECTION_MS);
    expect(others.map(({ state, ejectedUntil }) => [state, ejectedUntil])).to.deep.equal(
      Array(2).fill(['healthy', null]),
    );
    const metrics = await (await get(`${three.cluster.adminUrl}/metrics`)).text();
    expect(metrics).to.include('multilane_registry_instances{service="things",state="ejected"} 1\n');
    const lines = await until(
      () => linesOf('instance ejected'),
      ({ length }) => length > 0,
    );
    expect(lines).to.have.length(1);
    expect(lines[0]).to.include({ service: 'things', endpoint: 'a', reason: 'failures in a row', times: 1 });
    expect(Date.parse(String(lines[0]!.until)) - Date.parse(a!.ejectedUntil!)).to.be.within(-200, 200);
  });

  it('leaves the last two instances in rotation: one of three may be ejected', async () => {
    const [, b] = three.instances;
    b!.behave = answering(503);
    const before = b!.received;
    while (b!.received < before + 12) await call();
    expect((await listed()).map(({ state }) => state)).to.deep.equal(['ejected', 'healthy', 'healthy']);
    b!.behave = answering(200);
  });

  it('restores an instance when more than half would be ejected because others have left, and logs it once', async () => {
    const { adminUrl } = three.cluster;
    for (const id of ['b', 'c']) {
      const url = `${adminUrl}/registry/v1/services/things/instances/${id}`;
      expect((await fetch(url, { method: 'DELETE' })).status).to.equal(204);
    }
    const back = await until(listed, ([a]) => a?.state === 'healthy');
    expect(back).to.have.length(1);
    expect(back[0]!.ejectedUntil).to.equal(null);
    const lines = await until(
      () => linesOf('instance returned'),
      ({ length }) => length > 0,
    );
    expect(lines.map(({ service, endpoint }) => [service, endpoint])).to.deep.equal([['things', 'a']]);
    const before = three.instances[0]!.received;
    for (let n = 0; n < 4; n++) expect(await call()).to.include({ status: 200, by: 'a' });
    expect(three.instances[0]!.received - before).to.equal(4);
  });

  it('is not needed by a caller that hedges: no call waits for an instance that hangs', async () => {
    const [a] = three.instances;
    three.instances.push(await TestInstance.start(three.cluster.adminUrl, 'things', 'd'));
    a!.behave = silent;
    // On a busy machine the other instance may be late: then its call is hedged, too, and wins without the
    // hedge.
    const won = async (): Promise<number> => {
      expect((await call('?hedgeMs=30')).status).to.equal(200);
      const metrics = await (await get(`${three.cluster.adminUrl}/metrics`)).text();
      return Number(/multilane_hedges_total\{service="things",outcome="won"\} (\d+)/.exec(metrics)?.[1] ?? 0);
    };
    expect(await until(won, (times) => times > 0)).to.be.at.least(1);
  });
});
