import { expect } from 'chai';
import { makeCertificate, needsOpenssl, type TestCertificate } from '#test/support/certificate.js';
import { get, json, put, unique, uniqueEmail } from '#test/support/client.js';
import { type Cluster, dataDirWith } from '#test/support/cluster.js';
import { checkoutBody } from '#test/support/shop-messages.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';

interface User {
  readonly id: number;
  readonly orders: readonly { readonly id: number }[] | null;
  readonly degraded?: readonly string[];
}

async function ask<T>(cluster: Cluster, method: string, path: string, body?: unknown): Promise<T> {
  const wire = await Wire.open(cluster.url, cluster.ca);
  const fields = ['Content-Type: application/json', `Idempotency-Key: ${unique('tls')}`];
  const text = body === undefined ? '' : JSON.stringify(body);
  const response = await wire.request(method, path, fields, text);
  wire.destroy();
  const content = response?.body.toString() ?? '';
  if (response === undefined || response.status > 201) throw new Error(`${response?.status} ${content}`);
  return JSON.parse(content) as T;
}

describe('services over TLS', () => {
  let tls: TestCertificate;
  let dataDir: string;
  before(async function () {
    this.timeout(60_000);
    needsOpenssl(this);
    dataDir = await dataDirWith('shop');
    tls = makeCertificate(dataDir, 'shop');
  });
  const shop = useCluster(() => ({ dataDir, tls, env: { WORKERS: '1' } }));
  const users = useCluster(() => ({
    env: { SERVICES: 'users', WORKERS: '1', GATEWAY: 'orders', NODE_EXTRA_CA_CERTS: tls.certFile },
  }));

  it('call each other within the process, as they do without TLS', async () => {
    const { id } = await ask<User>(shop, 'POST', '/api/users', { name: 'Ada', email: uniqueEmail() });
    const user = await ask<User>(shop, 'GET', `/api/users/${id}`);
    expect(user.orders).to.deep.equal([]);
    const saga = await ask<{ status: string }>(shop, 'POST', '/api/checkout', checkoutBody('tok_ok'));
    expect(saga.status).to.equal('completed');
  });

  it('are marked in the registry as reached over TLS', async () => {
    const { instances } = await json<{ instances: { protocol: string; metadata: object }[] }>(
      await get(`${shop.adminUrl}/registry/v1/services/orders`),
    );
    const { metadata } = instances.find(({ protocol }) => protocol === 'http')!;
    expect(metadata).to.deep.equal({ scheme: 'https' });
    // gRPC has a certificate of its own.
    const grpc = instances.filter(({ protocol }) => protocol === 'grpc');
    expect(grpc.map((instance) => instance.metadata)).to.deep.equal([{}]);
  });

  it('are called and probed by another process in whose registry they are and that trusts the certificate', async function () {
    this.timeout(40_000);
    const { id } = await ask<User>(users, 'POST', '/api/users', { name: 'Ada', email: uniqueEmail() });
    const order = { userId: id, productId: 1, quantity: 1 };
    const { id: orderId } = await ask<{ id: number }>(shop, 'POST', '/api/orders', order);
    const registered = await put(`${users.adminUrl}/registry/v1/services/orders/instances/shop`, {
      host: '127.0.0.1',
      port: Number(new URL(shop.url).port),
      healthCheckUrl: '/health',
      metadata: { scheme: 'https' },
    });
    expect(registered.status).to.equal(201);
    const user = await until(
      () => ask<User>(users, 'GET', `/api/users/${id}`),
      ({ orders }) => orders !== null,
    );
    expect(user.orders?.map((one) => one.id)).to.deep.equal([orderId]);
    const { instances } = await until(
      async () =>
        json<{ instances: { state: string }[] }>(await get(`${users.adminUrl}/registry/v1/services/orders`)),
      (view) => view.instances[0]?.state === 'healthy',
    );
    expect(instances[0]?.state).to.equal('healthy');
  });

  it('are reached through the gateway of that process, whatever host its client names', async () => {
    const missing = await get(`${users.url}/svc/orders/api/orders/999999999`, { host: 'shop.example' });
    expect(missing.status).to.equal(404);
    expect(await missing.text())
      .to.include('NOT_FOUND')
      .and.not.include('ROUTE_NOT_FOUND');
  });
});
