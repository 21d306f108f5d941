// Operators switch off gRPC methods as they switch off routes.
import { expect } from 'chai';
import { get, json, put } from '#test/support/client.js';
import { RpcClient, rpcPorts } from '#test/support/rpc-client.js';
import { useCluster } from '#test/support/use-cluster.js';
import { RPC } from './fixtures/paths.js';

describe('the switch of a gRPC method', () => {
  const cluster = useCluster({ config: RPC, env: { WORKERS: '1', GRPC_PORT: '0' } });

  it('is listed by the name with which it is changed, and rejects calls of that method only', async () => {
    const [port] = await rpcPorts(cluster);
    const client = await RpcClient.to(port!);
    const { routes } = await json<{ routes: { method: string; route: string }[] }>(
      await get(`${cluster.adminUrl}/switches`),
    );
    const method = routes.find(({ route }) => route.endsWith('/Get'))!;
    expect(method.method).to.equal('GRPC');
    const change = async (state: string): Promise<void> => {
      const body = { method: method.method, route: method.route, state };
      await json(await put(`${cluster.adminUrl}/switches/routes`, body));
    };
    for (let round = 0; round < 3; round++) {
      await change('off');
      expect(await client.get('thread')).to.include({ code: 14 });
      expect((await get(`${cluster.url}/thread`)).status).to.equal(200);
      await change('on');
      expect(await client.get('thread')).to.have.property('name');
    }
    client.close();
  });
});
