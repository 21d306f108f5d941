// A process whose registry is that of another one, with a token.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { get, json } from '../support/client.js';
import { type Cluster, startCluster } from '../support/cluster.js';
import { until } from '../support/until.js';
import { CALLING, PLAIN } from './fixtures/paths.js';

const TOKEN = 'a-token-for-the-service-plain-0123456789';
const ADMIN_TOKEN = 'the-token-of-the-operator-0123456789abcd';

describe('a process whose registry is that of another one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokens-'));
  let hub: Cluster;
  const others: Cluster[] = [];
  before(async () => {
    const tokens = join(folder, 'tokens');
    writeFileSync(tokens, `${TOKEN} plain\n`);
    const env = { WORKERS: '1', ADMIN_TOKEN, REGISTRY_ACCEPT_TOKENS_FILE: tokens };
    hub = await startCluster({ config: CALLING, env });
  });
  after(async () => {
    for (const each of [...others, hub]) await each?.dispose();
    rmSync(folder, { recursive: true });
  });

  const joined = async (token: string): Promise<Cluster> => {
    const env = { WORKERS: '1', REGISTRY: hub.adminUrl, REGISTRY_TOKEN: token };
    const other = await startCluster({ config: PLAIN, env });
    others.push(other);
    return other;
  };
  const registered = async (): Promise<readonly { state: string }[]> => {
    const url = `${hub.adminUrl}/registry/v1/services/plain`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
    return (await json<{ instances: { state: string }[] }>(response)).instances;
  };

  it('is called by that one, and sees its services', async () => {
    const other = await joined(TOKEN);
    expect(await until(registered, (all) => all.length === 1)).to.have.length(1);
    const { status } = await json<{ status?: number }>(await get(`${hub.url}/call/plain/`));
    expect(status).to.equal(200);
    const services = async (): Promise<string> =>
      (await get(`${other.adminUrl}/registry/v1/services`)).text();
    expect(await until(services, (text) => text.includes('front'))).to.include('"front":1');
  });

  it('is told why it is not admitted, and serves nevertheless', async () => {
    const other = await joined('a-token-that-was-given-for-nothing-01234567');
    expect((await get(other.url)).status).to.equal(200);
    const told = async (): Promise<string> => other.stdout.join('\n');
    expect(await until(told, (text) => text.includes('registry'))).to.not.include('a-token-that-was');
    expect(await registered()).to.have.length(1);
  });

  it('takes its instances with it', async () => {
    await others[0]!.stop();
    expect(await until(registered, (all) => all.length === 0)).to.deep.equal([]);
  });
});
