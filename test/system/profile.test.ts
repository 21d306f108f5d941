import { expect } from 'chai';
import { get, json } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { workersOf } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { BUSY } from './fixtures/paths.js';

/** https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly startTime: number;
  readonly endTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** A node of the profile and all nodes below it. */
function belowOf(nodes: Profile['nodes'], id: number | undefined): number[] {
  const children = nodes.find((node) => node.id === id)?.children ?? [];
  return [...(id === undefined ? [] : [id]), ...children.flatMap((child) => belowOf(nodes, child))];
}

const BURN = 'burnForTheProfile';

describe('the CPU profile of a worker', () => {
  const cluster = useCluster({ config: BUSY, env: { WORKERS: '1', STALL_MS: '60000', DRAIN_MS: '500' } });

  const profileOf = (query = '?seconds=1') => get(`${cluster.adminUrl}/workers/1/profile${query}`);
  /** Starts a profile. Resolves when its request has reached the primary, before any later request. */
  const underWay = async (seconds: number): Promise<Wire> => {
    const wire = await Wire.open(cluster.adminUrl);
    wire.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await wire.response();
    wire.write(`GET /workers/1/profile?seconds=${seconds} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    return wire;
  };
  /** Resolves when the worker runs the handler of `route`. */
  const runs = async (route: string): Promise<void> => {
    const list = await until(
      async () => (await workersOf(cluster)) as unknown as { current: { route: string } | null }[],
      (workers) => workers[0]?.current?.route === route,
    );
    expect(list[0]?.current?.route).to.equal(route);
  };

  it('is a .cpuprofile with the functions of its handlers, also while its loop is stalled', async () => {
    let isBurnt = false;
    const burning = get(`${cluster.url}/burn/4000`).then((response) => {
      isBurnt = true;
      return response.arrayBuffer();
    });
    await runs('/burn/{ms}');
    const response = await profileOf();
    const profile = await json<Profile>(response);
    expect(isBurnt, 'recorded in the middle of the handler').to.equal(false);
    expect(response.headers.get('content-type')).to.equal('application/json');
    expect(response.headers.get('content-disposition')).to.equal(
      'attachment; filename="worker-1.cpuprofile"',
    );

    expect(profile.endTime - profile.startTime, 'microseconds').to.be.within(900_000, 3_000_000);
    expect(profile.timeDeltas).to.have.lengthOf(profile.samples.length);
    const ids = new Set(profile.nodes.map(({ id }) => id));
    expect(profile.nodes[0]?.callFrame.functionName).to.equal('(root)');
    expect([...profile.samples, ...profile.nodes.flatMap(({ children = [] }) => children)]).to.satisfy(
      (numbers: number[]) => numbers.every((id) => ids.has(id)),
    );
    const burn = profile.nodes.find(({ callFrame }) => callFrame.functionName === BURN);
    expect(burn?.callFrame.url).to.match(/busy\.config\.js$/);
    const below = new Set(belowOf(profile.nodes, burn?.id));
    const share = profile.samples.filter((id) => below.has(id)).length / profile.samples.length;
    expect(share, 'the loop that it was in').to.be.greaterThan(0.5);
    await burning;
  });

  it('can be taken of an idle worker as well', async () => {
    const profile = await json<Profile>(await profileOf());
    expect(profile.nodes.map(({ callFrame }) => callFrame.functionName)).to.include('(idle)');
  });

  it('is taken once at a time of each worker, and ends when its client leaves', async () => {
    const leaving = await underWay(60);
    const refused = await profileOf();
    await expectProblem(refused, 503, 'OVERLOADED');
    expect(Number(refused.headers.get('retry-after'))).to.be.within(50, 60);
    leaving.destroy();
    const next = await until(
      () => profileOf(),
      ({ status }) => status === 200,
    );
    await json<Profile>(next);
  });

  for (const query of [
    '?seconds=0',
    '?seconds=61',
    '?seconds=1.5',
    '?seconds=',
    '?seconds=five',
    '?seconds=1e1',
  ]) {
    it(`is refused for ${query}`, async () => {
      const problem = await expectProblem(await profileOf(query), 422, 'VALIDATION_FAILED');
      expect(problem.errors?.map(({ path }) => path)).to.deep.equal(['/seconds']);
    });
  }

  it('is 404 for an unknown worker', async () => {
    for (const id of ['0', '2', '01', 'x']) {
      await expectProblem(await get(`${cluster.adminUrl}/workers/${id}/profile?seconds=1`), 404, 'NOT_FOUND');
    }
  });

  it('is refused with the reason when the worker cannot be interrupted', async () => {
    const sleeping = get(`${cluster.url}/native/8`);
    await runs('/native/{seconds}');
    await expectProblem(await profileOf(), 504, 'DEADLINE_EXCEEDED');
    expect((await sleeping).status).to.equal(200);
  });

  it('is refused with the reason when the worker ends meanwhile', async () => {
    const profiling = await underWay(60);
    await expectProblem(await profileOf(), 503, 'OVERLOADED');
    expect((await get(`${cluster.url}/crash`)).status).to.equal(200);
    const problem = await expectProblem(await profiling.response(), 503, 'NO_WORKER');
    expect(problem.detail).to.equal('The thread of worker 1 has ended.');
    profiling.destroy();
  });
});
