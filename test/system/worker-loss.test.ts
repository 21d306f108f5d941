import { expect } from 'chai';
import { get, json } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { HAZARDS } from './fixtures/paths.js';

interface Place {
  readonly pid: number;
  readonly thread: number;
}
interface WorkerView {
  readonly id: number;
  readonly generation: number;
  readonly state: string;
}

describe('a project whose handlers misbehave', () => {
  // Every replaced worker is counted, so a worker that gets no core must not be replaced.
  const cluster = useCluster({ config: HAZARDS, env: { STALL_MS: '20000' } });

  const workers = async (): Promise<WorkerView[]> => json(await get(`${cluster.adminUrl}/workers`));
  /**
   * undefined when the worker closes the connection behind its response, as one with more than its share
   * does.
   */
  const place = async (wire: Wire): Promise<Place | undefined> => {
    const response = await wire.request('GET', '/thread');
    if (response === undefined) throw new Error('the connection ended');
    return response.closes ? undefined : (JSON.parse(response.body.toString()) as Place);
  };
  const generations = (list: readonly WorkerView[]): number => list.reduce((sum, w) => sum + w.generation, 0);

  it('runs without any PostgreSQL when no service has a database', () => {
    expect(cluster.leftovers()).to.have.length(1);
  });

  it('responds 500 INTERNAL without details when a handler throws', async () => {
    const problem = await expectProblem(await get(`${cluster.url}/throw`), 500, 'INTERNAL');
    expect(problem.detail).to.not.contain('secret');
  });

  it('writes ctx.log as JSON with trace_id, span_id, worker and service', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    await get(`${cluster.url}/log`, { traceparent: `00-${traceId}-b7ad6b7169203331-01` });
    const line = await until(
      () => cluster.logs().find(({ msg }) => msg === 'a line of the handler'),
      (found) => found !== undefined,
    );
    expect(line).to.include({ trace_id: traceId, service: 'hazards', shelf: 7 });
    expect(line?.span_id).to.match(/^[0-9a-f]{16}$/);
    expect(line?.worker).to.be.oneOf([1, 2]);
  });

  /** At least eight. The first ones after a loss fill the replacement, for a second at most. */
  const openOnBoth = async (): Promise<{ wires: Wire[]; places: Place[] }> => {
    const wires: Wire[] = [];
    const places: Place[] = [];
    const threads = await until(
      async () => {
        const wire = await Wire.open(cluster.url);
        const at = await place(wire);
        if (at === undefined) wire.destroy();
        else {
          wires.push(wire);
          places.push(at);
        }
        return new Set(places.map(({ thread }) => thread)).size;
      },
      (size) => size === 2 && wires.length >= 8,
    );
    expect(threads).to.equal(2);
    return { wires, places };
  };

  for (const [what, path] of [
    ['an uncaught exception', '/uncaught'],
    ['an unhandled rejection', '/rejection'],
    ['process.exit()', '/exit'],
    ['process.reallyExit()', '/really-exit'],
  ] as const) {
    it(`loses one worker to ${what}: the process and the other worker continue, and a replacement serves`, async function () {
      this.timeout(25_000);
      const before = await workers();
      const { wires, places } = await openOnBoth();
      const victim = places[0]!.thread;
      const others = new Set(wires.filter((_, index) => places[index]!.thread !== victim));

      await wires[0]!.request('GET', path);
      for (let n = 0; n < 50; n += 1) {
        for (const wire of others) {
          const response = await wire.request('GET', '/thread');
          const { thread } = places[wires.indexOf(wire)]!;
          expect(JSON.parse(String(response?.body))).to.deep.equal({ pid: cluster.pid, thread });
          // On a busy machine the replacement may serve by now: it gets its share of connections.
          if (response!.closes) others.delete(wire);
        }
      }
      const replaced = (now: readonly WorkerView[]): boolean =>
        generations(now) === generations(before) + 1 &&
        now.every((worker) => worker.state === before[0]!.state);
      const now = await until(workers, replaced);
      expect(replaced(now), JSON.stringify(now)).to.equal(true);

      const { wires: fresh, places: after } = await openOnBoth();
      for (const { pid, thread } of after) {
        expect(pid).to.equal(cluster.pid);
        expect(thread).to.not.equal(victim);
      }
      for (const wire of [...wires, ...fresh]) wire.destroy();
    });
  }

  it('counts the lost workers by reason', async () => {
    const text = await (await get(`${cluster.adminUrl}/metrics`)).text();
    const counts = [...text.matchAll(/^multilane_worker_restarts_total\{reason="([^"]+)"\} (\d+)$/gm)];
    expect(counts.reduce((sum, [, , count]) => sum + Number(count), 0)).to.equal(4);
    expect(new Set(counts.map(([, reason]) => reason)).size).to.equal(3);
  });

  it('still ends in order: exit 0, and no process is left', async () => {
    expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
    expect(cluster.leftovers()).to.deep.equal([]);
  });
});
