import { expect } from 'chai';
import { Pm2 } from '#test/support/pm2.js';
import { freePort } from '#test/support/ports.js';
import { RpcClient, rpcLoad, rpcPorts } from '#test/support/rpc-client.js';
import { until } from '#test/support/until.js';
import { RPC } from './fixtures/paths.js';

const RELOADS = 2;

describe('an app with gRPC under pm2', () => {
  let pm2: Pm2;
  let port: number;
  before(async function () {
    this.timeout(60_000);
    port = await freePort();
    pm2 = await Pm2.start({ config: RPC, env: { WORKERS: '1', GRPC_PORT: String(port) } });
  });
  after(async function () {
    this.timeout(60_000);
    await pm2.dispose();
  });

  it(`loses no call of a kept channel to ${RELOADS} reloads`, async function () {
    this.timeout(120_000);
    const client = await RpcClient.to(port);
    const load = rpcLoad(4, () => client);
    await load.answered(20);
    const before = await pm2.servingPid();
    for (let times = 0; times < RELOADS; times += 1) {
      await pm2.command('reload', 'multilane');
      await load.answered(20);
    }
    await load.stop();
    client.close();
    expect(load.account.failed).to.deep.equal([]);
    expect(load.account.succeeded).to.be.at.least(20 * (RELOADS + 1));
    expect(await pm2.servingPid()).to.not.equal(before);
  });

  it('serves gRPC in the process that has taken over', async function () {
    this.timeout(60_000);
    await until(
      () => rpcPorts(pm2),
      (ports) => ports.includes(port),
    );
    expect(await rpcPorts(pm2)).to.deep.equal([port]);
    const client = await RpcClient.to(port);
    expect(await client.get('thread')).to.deep.include({ name: `${await pm2.servingPid()}/2` });
    client.close();
  });
});
