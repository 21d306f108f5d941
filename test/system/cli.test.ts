import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { multilane, type Ran } from '#test/support/cli.js';
import { get, json, post, unique } from '#test/support/client.js';
import { CLI, startCluster } from '#test/support/cluster.js';
import { allServing, type WorkerView, workersOf } from '#test/support/rolling.js';
import { checkoutBody } from '#test/support/shop-messages.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { HAZARDS, STALLS } from './fixtures/paths.js';
import { useSharedShop } from './shop.js';

describe('a multilane command on a running process', () => {
  const cluster = useCluster({ entry: [CLI, 'start'], config: HAZARDS, env: { DRAIN_MS: '20000' } });
  const on = (...args: readonly string[]): Promise<Ran> => multilane([...args, '--admin', cluster.adminUrl]);

  it('of start runs the process itself, with its settings and its one ready line', () => {
    expect(cluster.stderr).to.deep.equal([`multilane ready ${cluster.url} admin ${cluster.adminUrl}`]);
    expect(cluster.logs().map(({ pid }) => pid)).to.include(cluster.pid);
    expect(cluster.leftovers()).to.have.length(1);
  });

  it('of ps lists the workers', async () => {
    const [table, list] = await Promise.all([on('ps'), on('ps', '--json')]);
    expect(table.stdout.split('\n')).to.have.length(1 + 2 + 1);
    expect(table.stdout).to.match(/^ +1 +http +1 +ready /m);
    expect(JSON.parse(list.stdout)).to.containSubset(allServing(1));
  });

  it('of top prints once where there is no terminal', async () => {
    const run = await on('top');
    expect(run).to.include({ code: 0, stderr: '' });
    expect(run.stdout)
      .to.match(/^[\d.]+ requests\/s, [\d.]+ errors\/s; \d+ requests, \d+ errors, \d+ active$/m)
      .and.match(/^WORKER /m);
  });

  it('of bench measures the CPU time of each request', async () => {
    const run = await on('bench', `${cluster.url}/health`, '--duration', '1', '--json');
    expect(run.code, run.stderr).to.equal(0);
    const result = JSON.parse(run.stdout) as { requests: number; cpuPerRequestUs: number };
    expect(result).to.containSubset({ errors: 0, statusCodes: { 200: result.requests } });
    expect(result.cpuPerRequestUs).to.be.greaterThan(0);
  });

  it('of reload prints which workers are replaced, and ends when all are', async function () {
    this.timeout(30_000);
    expect(await on('reload')).to.deep.include({
      code: 0,
      stdout: 'worker 1: generation 1 -> 2\nworker 2: generation 1 -> 2\n',
      stderr: '',
    });
    expect(await workersOf(cluster)).to.containSubset(allServing(2));
  });

  it('of reload waits no longer than its timeout, prints for what, and is refused while another one is under way', async function () {
    this.timeout(30_000);
    const finished = (): number => cluster.logs().filter(({ msg }) => msg === 'reload finished').length;
    const before = finished();
    // A request in flight delays the old worker, and with it the reload.
    const wire = await Wire.open(cluster.url);
    expect((await wire.request('GET', '/thread'))?.status).to.equal(200);
    const held = wire.request('GET', '/until-left');
    const waiting = await on('reload', '--timeout', '0.5');
    const refused = await on('reload');
    wire.destroy();
    expect(waiting.code).to.equal(1);
    expect(waiting.stderr).to.match(
      /^multilane: reload is not done after \d of 2 workers and 0.5 s: worker \d of generation /,
    );
    expect(refused).to.include({ code: 1, stdout: '' });
    expect(refused.stderr).to.match(/^multilane: 409 RELOAD_IN_PROGRESS: /);
    await held;
    expect(await until(finished, (count) => count > before)).to.equal(before + 1);
  });

  it('of reload fails when a replacement does not become ready', async function () {
    this.timeout(30_000);
    const broken = join(cluster.dataDir, 'broken');
    writeFileSync(broken, '');
    const run = await on('reload', '--json');
    rmSync(broken);
    expect(run).to.include({ code: 1, stdout: '' });
    expect(run.stderr).to.match(/^multilane: reload stopped after 0 of 2 workers: /);
    const states = (await workersOf(cluster)).map(({ state }: WorkerView) => state);
    expect(states).to.deep.equal(['ready', 'ready']);
  });

  it('of start ends with the exit code of the process', async () => {
    expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
    expect(cluster.leftovers()).to.deep.equal([]);
    expect((await on('ps')).stderr).to.match(/nothing listens there; does the process run\?/);
  });
});

describe('multilane reload beside a thread that never runs again', () => {
  it('names that worker and fails, once all workers are replaced', async function () {
    this.timeout(60_000);
    const cluster = await startCluster({ config: STALLS, env: { STALL_MS: '300', DRAIN_MS: '500' } });
    try {
      const wire = await Wire.open(cluster.url);
      void wire.request('GET', '/native/20').catch(() => undefined); // no response comes
      const isStalled = (list: readonly WorkerView[]): boolean =>
        list.some(({ state }) => state === 'wedged');
      const list = await until(
        () => workersOf(cluster),
        (now) => isStalled(now) && now.filter(({ state }) => state === 'ready').length === 2,
      );
      const stuck = list.find(({ state }) => state === 'wedged')!;
      const run = await multilane(['reload', '--admin', cluster.adminUrl]);
      expect(run.stderr).to.match(
        new RegExp(
          `^multilane: all workers are replaced, but worker ${stuck.id} of generation 1 \\(wedged\\) .*\n$`,
        ),
      );
      expect(run.code).to.equal(1);
      expect(run.stdout.split('\n')).to.have.length(3);
      const finished = (): boolean => cluster.logs().some(({ msg }) => msg === 'reload finished');
      expect(await until(finished, (yes) => yes)).to.equal(true);
    } finally {
      await cluster.dispose();
    }
  });
});

describe('multilane sagas', () => {
  const shop = useSharedShop();
  let sagaId: string;
  before(async function () {
    this.timeout(30_000);
    const order = checkoutBody('tok_ok', { amountCents: 4200 });
    const response = await post(`${shop.url}/api/checkout`, order, { 'idempotency-key': unique('cli') });
    ({ sagaId } = await json<{ sagaId: string }>(response, 201));
  });
  const sagas = (...args: readonly string[]): Promise<Ran> =>
    multilane(['sagas', ...args, '--admin', shop.adminUrl]);
  const statusOf = async (): Promise<string> =>
    (JSON.parse((await sagas('show', sagaId, '--json')).stdout) as { status: string }).status;

  it('shows a saga with its steps', async () => {
    const run = await sagas('show', sagaId);
    expect(run.code).to.equal(0);
    expect(run.stdout)
      .to.match(/^status +completed$/m)
      .and.match(/^capture-payment +completed +1 /m);
  });

  it('does not change a saga that has ended, and reports an unknown one', async () => {
    for (const hand of ['retry', 'compensate', 'skip']) {
      const run = await sagas(hand, sagaId);
      expect(run).to.include({ code: 1, stdout: '' });
      expect(run.stderr).to.match(/^multilane: 409 SAGA_NOT_IDLE: /);
    }
    expect((await sagas('show', '../livez')).stderr).to.match(/^multilane: 404 NOT_FOUND: /);
  });

  it('has a metric of those that need attention beside it', async () => {
    const count = /^multilane_sagas_needing_attention\{service="checkout"\} \d+$/m;
    const page = async (): Promise<string> => (await get(`${shop.adminUrl}/metrics`)).text();
    expect(await until(page, (text) => count.test(text))).to.match(count);
  });

  it('lists a saga that needs attention and compensates it to the end', async function () {
    this.timeout(30_000);
    await shop.sql.query(
      'checkout',
      `update saga set status = 'needs-attention', reason = 'DEFINITION_MISSING', owner = null,
        lease_until = now() where saga_id = $1`,
      [sagaId],
    );
    const listed = await sagas(
      'list',
      '--saga',
      'checkout',
      '--status',
      'needs-attention',
      '--limit',
      '1000',
    );
    expect(listed.stdout).to.match(
      new RegExp(`^${sagaId} +checkout v1 +needs-attention .* DEFINITION_MISSING$`, 'm'),
    );
    const turned = await sagas('compensate', sagaId);
    expect(turned).to.include({ code: 0, stderr: '' });
    expect(turned.stdout).to.match(/^refusal +COMPENSATION_REQUESTED /m);
    expect(await until(statusOf, (status) => status === 'compensated')).to.equal('compensated');
  });

  it('lists the next page by the cursor of the last one', async () => {
    const first = JSON.parse((await sagas('list', '--limit', '1', '--json')).stdout) as {
      nextCursor: string | null;
    };
    const cursor = first.nextCursor === null ? [] : ['--cursor', first.nextCursor];
    expect((await sagas('list', ...cursor)).code).to.equal(0);
    expect((await sagas('list', '--limit', '0')).stderr).to.match(
      /^multilane: 422 VALIDATION_FAILED: .* \/limit must be /,
    );
  });
});
