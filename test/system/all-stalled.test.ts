// The admin plane while the event loop of every worker is stalled. Each stalling loop writes its number of
// turns to a file and ends only when another file exists. So the loops themselves prove that they ran all the
// time, and no clock is needed.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { get, json } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { wiresToEachWorker } from '#test/support/each-worker.js';
import { until } from '#test/support/until.js';
import type { Wire } from '#test/support/wire.js';
import { BUSY } from './fixtures/paths.js';

const WORKERS = 2;
/** Longer than the test can take: neither the primary nor a deadline interrupts the loops. */
const NEVER_MS = '600000';

describe('the admin plane while every worker is stalled', () => {
  const folder = mkdtempSync(join(tmpdir(), 'multilane-stalled-'));
  let cluster: Cluster;
  let wires: readonly Wire[] = [];

  const turns = (): number[] =>
    readdirSync(folder)
      .toSorted()
      .map((file) => Number(readFileSync(join(folder, file), 'utf8')));
  const tellToEnd = (): void => writeFileSync(join(folder, 'end'), '');

  before(async function () {
    this.timeout(60_000);
    const env = { STALL_MS: NEVER_MS, REQUEST_TIMEOUT_MS: NEVER_MS, DRAIN_MS: '500' };
    cluster = await startCluster({ config: BUSY, env });
    wires = await wiresToEachWorker(cluster, WORKERS, '/worker');
    const path = `/turn?folder=${encodeURIComponent(folder)}`;
    for (const wire of wires) wire.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`);
    const all = await until(turns, (now) => now.length === WORKERS && now.every((count) => count > 0));
    expect(all, 'a loop in each worker').to.have.length(WORKERS);
  });
  after(async function () {
    this.timeout(60_000);
    tellToEnd();
    for (const wire of wires) wire.destroy();
    await cluster?.dispose();
    rmSync(folder, { recursive: true });
  });

  /** Returns a response that has arrived completely before all loops have been seen to continue. */
  async function whileAllTurn(path: string): Promise<Response> {
    const response = await get(`${cluster.adminUrl}${path}`);
    const text = await response.text();
    const before = turns();
    const isGoingOn = (now: number[]): boolean => now.every((count, index) => count > before[index]!);
    expect(isGoingOn(await until(turns, isGoingOn)), 'all loops still turn').to.equal(true);
    return new Response(text, response);
  }

  it('serves /metrics, with the requests that keep the workers busy', async () => {
    const response = await whileAllTurn('/metrics');
    expect(response.status).to.equal(200);
    const active = /^http_server_active_requests(?:\{.*\})? (\d+)$/m.exec(await response.text())?.[1];
    expect(Number(active)).to.equal(WORKERS);
    expect((await whileAllTurn('/metrics.json')).status).to.equal(200);
  });

  it('responds to the probes', async () => {
    for (const path of ['/livez', '/readyz']) expect((await whileAllTurn(path)).status, path).to.equal(200);
  });

  it('serves /workers, with the request that each of them runs', async () => {
    const list = await json<{ current: unknown }[]>(await whileAllTurn('/workers'));
    expect(list).to.have.length(WORKERS);
    for (const { current } of list) expect(current).to.include({ route: '/turn' });
  });

  it('did so while the loops ran uninterrupted: they end by themselves and send their responses', async () => {
    tellToEnd();
    const responses = await Promise.all(wires.map((wire) => wire.response()));
    expect(responses.map((response) => response?.status)).to.deep.equal([200, 200]);
  });
});
