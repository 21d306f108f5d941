import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { launchCluster } from '#test/support/cluster.js';
import { reload, workersOf } from '#test/support/rolling.js';
import { type Outcome, RpcClient, rpcPorts } from '#test/support/rpc-client.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { RPC } from './fixtures/paths.js';

const UNAVAILABLE = 14;
const STALLED = 'A handler did not return for too long and was interrupted.';
/** The only gRPC worker, behind the only HTTP worker. */
const WORKER = 2;

describe('a gRPC worker that fails', () => {
  const env = { WORKERS: '1', GRPC_PORT: '0', STALL_MS: '500', DRAIN_MS: '2000', WORKER_HEAP_MB: '96' };
  const cluster = useCluster({ config: RPC, env });
  let client: RpcClient;
  before(async () => {
    const [port] = await rpcPorts(cluster);
    client = await RpcClient.to(port!);
  });
  after(() => client.close());

  const generation = async (): Promise<number> =>
    Math.max(...(await workersOf(cluster)).filter(({ id }) => id === WORKER).map((one) => one.generation));
  /** Resolves when a thread that started later serves alone. */
  const replaced = async (before: number): Promise<void> => {
    const list = await until(
      async () => (await workersOf(cluster)).filter(({ id }) => id === WORKER),
      ([first, ...others]) => others.length === 0 && first!.generation > before && first!.state === 'ready',
      30_000,
    );
    expect(list).to.have.length(1);
    expect(list[0]!.generation).to.be.greaterThan(before);
    expect(list[0]).to.include({ state: 'ready' });
  };
  const call = (name: string): Promise<Outcome> => client.get(name, { deadline: Date.now() + 10_000 });
  /** Calls until a thread serves, on the same channel. */
  const served = (): Promise<Outcome> =>
    until(
      () => call('thread'),
      (outcome) => 'name' in outcome,
    );

  it('is replaced after an uncaught exception, and serves at the same port', async function () {
    this.timeout(60_000);
    const before = await generation();
    expect(await call('uncaught')).to.deep.equal({ name: 'crashing' });
    await replaced(before);
    expect(await served()).to.have.property('name');
    expect(await rpcPorts(cluster)).to.have.length(1);
  });

  for (const where of ['loop', 'loop after a promise', 'loop after a file', 'loop in a timer']) {
    it(`is interrupted in an endless ${where}, answers its call and is replaced`, async function () {
      this.timeout(60_000);
      const before = await generation();
      expect(await call(where)).to.deep.equal({ code: 13, text: STALLED });
      await replaced(before);
      expect(await served()).to.have.property('name');
    });
  }

  it('is terminated when it cannot be interrupted, and its successor takes the port', async function () {
    this.timeout(60_000);
    const before = await generation();
    expect(await call('block natively')).to.include({ code: UNAVAILABLE });
    await replaced(before);
    expect(await served()).to.have.property('name');
    expect((await get(`${cluster.url}/thread`)).status).to.equal(200);
  });

  it('is replaced when its heap is over the limit', async function () {
    this.timeout(60_000);
    const before = await generation();
    for (let times = 0; times < 4; times += 1) await call('leak');
    await replaced(before);
    expect(await served()).to.have.property('name');
  });

  it('keeps its thread and its port when a successor does not start', async function () {
    this.timeout(60_000);
    const [before] = await rpcPorts(cluster);
    const broken = join(cluster.dataDir, 'broken');
    writeFileSync(broken, '');
    expect((await reload(cluster)).status).to.equal(202);
    await until(
      () => cluster.logs().some(({ msg }) => String(msg).startsWith('reload stopped')),
      (yes) => yes,
    );
    rmSync(broken);
    const fresh = await RpcClient.to(before!);
    expect(await fresh.get('thread', { deadline: Date.now() + 5_000 })).to.have.property('name');
    fresh.close();
  });
});

describe('the ports of gRPC workers', () => {
  it('end the start with exit code 1 when another program has one of them', async function () {
    this.timeout(60_000);
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const env = { GRPC_PORT: String(port - 1), GRPC_WORKERS: '2', WORKERS: '1' };
    const launched = launchCluster({ config: RPC, env });
    const { code } = await launched.exited;
    other.close();
    expect(code).to.equal(1);
    expect(launched.stderr.join('\n')).to.match(
      new RegExp(`127\\.0\\.0\\.1:${port}.*GRPC_PORT.*another program`),
    );
    await launched.dispose();
  });
});

describe('a process with gRPC workers that gets SIGTERM', () => {
  const env = { WORKERS: '1', GRPC_PORT: '0', DRAIN_MS: '1500' };
  const cluster = useCluster({ config: RPC, env });

  it('finishes calls that end in time, cuts the others, and takes no more', async function () {
    this.timeout(60_000);
    const [port] = await rpcPorts(cluster);
    const client = await RpcClient.to(port!);
    const [slow, hanging] = [client.get('slow'), client.get('hang')];
    await until(
      async () => (await workersOf(cluster)).find(({ id }) => id === WORKER),
      (worker) => (worker as { readonly inFlight?: number } | undefined)?.inFlight === 2,
    );
    cluster.signal('SIGTERM');
    expect(await slow).to.deep.equal({ name: 'slow' });
    expect(await hanging).to.deep.equal({
      code: 4,
      text: 'The worker ended before the request was finished.',
    });
    expect(await client.get('thread', { deadline: Date.now() + 2000 })).to.include({ code: UNAVAILABLE });
    client.close();
    expect(await cluster.exited).to.deep.include({ code: 0 });
  });
});
