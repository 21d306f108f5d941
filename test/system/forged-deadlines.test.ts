// Deadlines that clients send must not affect the breakers and ejections that all callers share.

import { expect } from 'chai';
import { meshTokens } from '#src/mesh-token.js';
import { get, json } from '#test/support/client.js';
import { type Behaviour, silent, TestInstance } from '#test/support/instance.js';
import { expectProblem } from '#test/support/problem.js';
import { useCluster } from '#test/support/use-cluster.js';
import { CALLING } from './fixtures/paths.js';

const SECRET = 'mesh-secret-of-at-least-32-characters';
/** More requests than a breaker or an ejection needs, with a deadline that the instances cannot keep. */
const HURRIED = 40;
const DEADLINE_MS = 20;
const late: Behaviour = (_request, response) => void setTimeout(() => response.end(), 50);

interface Shown {
  readonly state: string;
  readonly transitions: { readonly open: number };
}

describe('forty requests whose deadline no instance can keep', () => {
  // Forty requests are the first work of the process, which takes long on a busy machine.
  const cluster = useCluster({ config: CALLING, env: { MESH_TOKEN: SECRET, ADAPTIVE_LIMIT: 'off' } });
  const instances: TestInstance[] = [];
  before(async () => {
    for (const id of ['a', 'b']) instances.push(await TestInstance.start(cluster.adminUrl, 'things', id));
  });
  after(() => {
    for (const instance of instances) instance.stop();
  });

  const behave = (behaviour: Behaviour): void => {
    for (const instance of instances) instance.behave = behaviour;
  };
  const call = (headers: Record<string, string> = {}, query = ''): Promise<Response> =>
    get(`${cluster.url}/call/things/x${query}`, headers);
  const hurried = (token?: string): Promise<Response[]> => {
    const headers = { 'x-request-deadline': String(DEADLINE_MS), ...(token && { 'x-mesh-token': token }) };
    return Promise.all(Array.from({ length: HURRIED }, () => call(headers)));
  };
  const breakers = async (): Promise<Shown[]> =>
    (await json<{ items: Shown[] }>(await get(`${cluster.adminUrl}/breakers`))).items;
  const ejections = async (): Promise<number> => {
    const { instances: shown } = await json<{ instances: { ejectedUntil: string | null }[] }>(
      await get(`${cluster.adminUrl}/registry/v1/services/things`),
    );
    return shown.filter(({ ejectedUntil }) => ejectedUntil !== null).length;
  };
  const expectNoHarm = async (): Promise<void> => {
    for (const { state, transitions } of await breakers()) {
      expect([state, transitions.open]).to.deep.equal(['closed', 0]);
    }
    expect(await ejections()).to.equal(0);
    for (let n = 0; n < 8; n++) expect(await json(await call())).to.include({ status: 200 });
  };

  it('are served in full when ordinary clients send them, from the address of the instances', async () => {
    behave(late);
    for (const response of await hurried()) expect(await json(response)).to.include({ status: 200 });
    for (const response of await hurried(meshTokens(SECRET)('things'))) {
      expect(await json(response)).to.include({ status: 200 });
    }
    await expectNoHarm();
  });

  it('get 504 when a process with the mesh token sends them, and do not count against the instances', async () => {
    behave(silent); // a late response may be in time for a caller that is delayed
    const responses = await hurried(meshTokens(SECRET)('front'));
    behave(late);
    for (const response of responses) {
      if (response.status === 200) expect(await json(response)).to.include({ code: 'DEADLINE_EXCEEDED' });
      else await expectProblem(response, 504, 'DEADLINE_EXCEEDED');
    }
    await expectNoHarm();
  });

  it('count against the instances when the calling service has set the deadline itself', async () => {
    behave(silent);
    await Promise.all(Array.from({ length: HURRIED }, () => call({}, `?timeoutMs=${DEADLINE_MS}`)));
    expect(await ejections()).to.equal(1);
  });
});
