// `call(name, { prefer: 'network' })`: a service that calls itself, alone and beside a second process.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { get, json } from '../support/client.js';
import { type Cluster, startCluster } from '../support/cluster.js';
import { until } from '../support/until.js';
import { CALLING } from './fixtures/paths.js';

const TOKEN = 'a-token-for-the-service-front-0123456789';
const ADMIN_TOKEN = 'the-token-of-the-operator-0123456789abcd';

describe('a client of a service that prefers the network', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokens-'));
  const clusters: Cluster[] = [];
  const start = async (env: Readonly<Record<string, string>>): Promise<Cluster> => {
    const cluster = await startCluster({ config: CALLING, env: { WORKERS: '1', ...env } });
    clusters.push(cluster);
    return cluster;
  };
  before(async () => {
    const tokens = join(folder, 'tokens');
    writeFileSync(tokens, `${TOKEN} front,vault\n`);
    await start({ ADMIN_TOKEN, REGISTRY_ACCEPT_TOKENS_FILE: tokens });
  });
  after(async () => {
    for (const each of clusters.toReversed()) await each.dispose();
    rmSync(folder, { recursive: true });
  });

  /** The process and the way by which a call of the first process to its own service has come. */
  const calledBy = async (query = ''): Promise<string | null> => {
    const response = await get(`${clusters[0]!.url}/call/front/self${query}`);
    return (await json<{ by: string | null }>(response)).by;
  };
  /** The host that requests within a process have. */
  const withoutSocket = ({ pid }: Cluster): string => `${pid} localhost`;
  const overNetwork = ({ pid, url }: Cluster): string => `${pid} ${new URL(url).host}`;

  it('calls the only instance, which is in its own process, over the loopback interface', async () => {
    const [own] = clusters as [Cluster];
    expect(await calledBy()).to.equal(withoutSocket(own));
    expect(await calledBy('?prefer=network')).to.equal(overNetwork(own));
  });

  it('calls an instance in another process too, where other clients stay in their process', async () => {
    const [own] = clusters as [Cluster];
    const other = await start({ REGISTRY: own.adminUrl, REGISTRY_TOKEN: TOKEN });
    const seen = new Set<string | null>();
    const both = async (): Promise<number> => seen.add(await calledBy('?prefer=network')).size;
    expect(await until(both, (size) => size === 2)).to.equal(2);
    expect([...seen]).to.have.members([overNetwork(own), overNetwork(other)]);
    for (let n = 0; n < 10; n += 1) expect(await calledBy()).to.equal(withoutSocket(own));
  });
});
