import { readFileSync, rmSync } from 'node:fs';
import { credentials } from '@grpc/grpc-js';
import { expect } from 'chai';
import { makeCertificate, needsOpenssl, type TestCertificate } from '#test/support/certificate.js';
import { get } from '#test/support/client.js';
import { newDataDir } from '#test/support/cluster.js';
import { expectProblem } from '#test/support/problem.js';
import { rollOnce, type WorkerView, workersOf } from '#test/support/rolling.js';
import { RpcClient, rpcLoad, rpcPorts } from '#test/support/rpc-client.js';
import { useCluster } from '#test/support/use-cluster.js';
import { RPC } from './fixtures/paths.js';

const ROLLS = 3;
const UNAVAILABLE = 14;

type Listed = WorkerView & { readonly kind: string };

for (const count of [1, 3]) {
  describe(`a process with ${count} gRPC worker(s)`, () => {
    const env = { WORKERS: '1', GRPC_PORT: '0', GRPC_WORKERS: String(count), DRAIN_MS: '4000' };
    const cluster = useCluster({ config: RPC, env });
    it('lists them behind the HTTP workers, and counts them in its metrics', async () => {
      const list = (await workersOf(cluster)) as Listed[];
      expect(list.map(({ id, kind }) => `${id} ${kind}`)).to.deep.equal([
        '1 http',
        ...Array.from({ length: count }, (_, index) => `${index + 2} grpc`),
      ]);
      const metrics = await (await get(`${cluster.adminUrl}/metrics`)).text();
      expect(metrics).to.include(`multilane_workers{state="ready"} ${count + 1}\n`);
      for (const { id } of list) expect(metrics).to.include(`multilane_worker_heap_bytes{worker="${id}"}`);
    });

    it('has an instance in the registry for each, beside that of HTTP, and serves at their ports', async () => {
      const ports = await rpcPorts(cluster);
      expect(new Set(ports).size).to.equal(count);
      const threads = new Set<unknown>();
      for (const port of ports) {
        const client = await RpcClient.to(port);
        threads.add(((await client.get('thread')) as { name: string }).name);
        client.close();
      }
      expect(threads.size).to.equal(count);
    });

    it('refuses to register an instance at the address of one of them', async () => {
      const [port] = await rpcPorts(cluster);
      const url = `${cluster.adminUrl}/registry/v1/services/other/instances/one`;
      const body = JSON.stringify({ host: '127.0.0.1', port });
      const headers = { 'content-type': 'application/json' };
      await expectProblem(await fetch(url, { method: 'PUT', body, headers }), 403, 'ADDRESS_NOT_ALLOWED');
    });

    it(`loses no call of a kept channel while all workers are replaced ${ROLLS} times`, async function () {
      this.timeout(120_000);
      const ports = await rpcPorts(cluster);
      const kept = await Promise.all(ports.map((port) => RpcClient.to(port)));
      let calls = 0;
      const load = rpcLoad(4, () => kept[calls++ % kept.length]!);
      const fresh = rpcLoad(
        1,
        () => RpcClient.to(ports[calls++ % ports.length]!),
        (client) => client.close(),
      );
      await load.answered(20);
      for (let roll = 0; roll < ROLLS; roll += 1) await rollOnce(cluster);
      await load.answered(20);
      await Promise.all([load.stop(), fresh.stop()]);
      for (const client of kept) client.close();
      expect(load.account.failed).to.deep.equal([]);
      expect(load.account.succeeded).to.be.greaterThan(40);
      // A new connection finds nothing at the port for a moment, between one thread and its successor.
      for (const failure of fresh.account.failed) expect(failure).to.include({ code: UNAVAILABLE });
      expect(fresh.account.failed.length).to.be.lessThan(fresh.account.succeeded);
      expect(await rpcPorts(cluster)).to.deep.equal(ports);
    });
  });
}

describe('a process that serves gRPC over TLS to clients with a certificate', () => {
  const folder = newDataDir();
  let certificate: TestCertificate;
  before(function () {
    needsOpenssl(this);
    certificate = makeCertificate(folder, 'grpc');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const cluster = useCluster(() => ({
    config: RPC,
    env: {
      WORKERS: '1',
      GRPC_PORT: '0',
      GRPC_TLS_CERT_FILE: certificate.certFile,
      GRPC_TLS_KEY_FILE: certificate.keyFile,
      GRPC_TLS_CLIENT_CA_FILE: certificate.certFile,
    },
  }));

  it('serves them, refuses others, and says so in the registry', async function () {
    this.timeout(30_000);
    const [port] = await rpcPorts(cluster);
    const [ca, key] = [Buffer.from(certificate.ca), readFileSync(certificate.keyFile)];
    const known = await RpcClient.to(port!, credentials.createSsl(ca, key, ca));
    const unknown = await RpcClient.to(port!, credentials.createSsl(ca));
    expect(await known.get('thread')).to.have.property('name');
    expect(await unknown.get('thread', { deadline: Date.now() + 5_000 })).to.include({ code: UNAVAILABLE });
    for (const client of [known, unknown]) client.close();
    const registry = await get(`${cluster.adminUrl}/registry/v1/services/rpc`);
    expect((await registry.json()) as object).to.containSubset({
      instances: [{ protocol: 'grpc', metadata: { scheme: 'https' } }],
    });
  });
});
