import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { closeIdleConnections, get } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { newSeed } from '#test/support/random.js';
import {
  allServing,
  PATIENT_DRAIN_MS,
  reload,
  rollUnderLoad,
  type WorkerView,
  workersOf,
} from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { HAZARDS } from './fixtures/paths.js';

const ROLLS = 2;

describe('a rolling replacement of all workers', () => {
  const seed = newSeed();
  const cluster = useCluster({ config: HAZARDS, env: { DRAIN_MS: String(PATIENT_DRAIN_MS) } });

  const finished = (): number => cluster.logs().filter(({ msg }) => msg === 'reload finished').length;

  it('is refused while another one is under way', async function () {
    this.timeout(30_000);
    const wire = await Wire.open(cluster.url);
    expect((await wire.request('GET', '/slow'))?.status).to.equal(200);
    expect((await reload(cluster)).status).to.equal(202);
    await expectProblem(await reload(cluster), 409, 'RELOAD_IN_PROGRESS');
    wire.destroy();
    await until(finished, (count) => count === 1);
    expect(await workersOf(cluster)).to.containSubset(allServing(2));
  });

  it(`loses no request, on kept, idle and new connections (${ROLLS} times, seed ${seed})`, async function () {
    this.timeout(120_000);
    const { kept, thinking, fresh } = await rollUnderLoad(cluster, '/thread', ROLLS, seed);
    for (const account of [kept, thinking, fresh]) {
      expect(account.lost).to.deep.equal([]);
      const { refused, untaken, closedIdle } = account;
      expect({ refused, untaken, closedIdle }).to.deep.equal({ refused: 0, untaken: 0, closedIdle: 0 });
      expect(Object.keys(account.statuses)).to.deep.equal(['200']);
    }
    expect((await workersOf(cluster)).length).to.equal(2);
  });

  it('finishes the requests of the old worker, and asks its clients to close', async function () {
    this.timeout(30_000);
    const wires = await Promise.all(Array.from({ length: 8 }, () => Wire.open(cluster.url)));
    const slow = wires.map((wire) => wire.request('GET', '/slow'));
    expect((await reload(cluster)).status).to.equal(202);
    const before = finished();
    for (const [index, response] of (await Promise.all(slow)).entries()) {
      expect(response?.status).to.equal(200);
      // The response of the second worker may come before its turn.
      if (response?.closes === true) await wires[index]!.closed();
      else wires[index]!.destroy();
    }
    await until(finished, (count) => count > before);
  });

  it('stops at a replacement that does not become ready, and the old workers continue to serve', async function () {
    this.timeout(30_000);
    const before = await workersOf(cluster);
    const broken = join(cluster.dataDir, 'broken');
    writeFileSync(broken, '');
    expect((await reload(cluster)).status).to.equal(202);
    const stopped = (): boolean => cluster.logs().some(({ msg }) => String(msg).startsWith('reload stopped'));
    expect(await until(stopped, (yes) => yes)).to.equal(true);
    const serving = ({ id, generation, state }: WorkerView): string => `${id} ${generation} ${state}`;
    const after = await until(workersOf.bind(undefined, cluster), (list) => list.length === 2);
    expect(after.map(serving)).to.deep.equal(before.map(serving));
    expect((await get(`${cluster.url}/thread`)).status).to.equal(200);
    rmSync(broken);
  });

  it('is started by SIGHUP where there is no terminal', async function () {
    this.timeout(30_000);
    const before = finished();
    closeIdleConnections();
    cluster.signal('SIGHUP');
    expect(await until(finished, (count) => count > before)).to.equal(before + 1);
    expect((await get(`${cluster.url}/thread`)).status).to.equal(200);
  });

  it('does not reset the counters', async () => {
    const text = await (await get(`${cluster.adminUrl}/metrics`)).text();
    const reloads = /^multilane_worker_restarts_total\{reason="reload"\} (\d+)$/m.exec(text)?.[1];
    expect(Number(reloads)).to.equal(2 * (ROLLS + 3));
    const heaps = [...text.matchAll(/^multilane_worker_heap_bytes\{worker="(\d+)"\}/gm)].map(([, id]) => id);
    expect(heaps).to.have.members(['1', '2']);
  });

  it('leaves a process that ends in order', async () => {
    expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
    expect(cluster.leftovers()).to.deep.equal([]);
  });
});
