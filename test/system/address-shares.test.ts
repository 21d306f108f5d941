// The share of one client address in the real process: at most half of each bound of the process, over all
// workers.
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { expect } from 'chai';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { until } from '#test/support/until.js';
import { HOLDING } from './fixtures/paths.js';

const [GREEDY, OTHER, THIRD] = ['127.0.0.2', '127.0.0.3', '127.0.0.4'] as const;
const MOST = 8;
/** The least that MAX_BUFFERED_BODY_BYTES may be. */
const MOST_BYTES = 64 * 1024;

describe('one client address', () => {
  let cluster: Cluster;
  const requests = new Set<ClientRequest>();
  const start = async (env: Record<string, string>): Promise<void> => {
    cluster = await startCluster({ config: HOLDING, env });
  };
  afterEach(async () => {
    for (const client of requests) client.destroy();
    requests.clear();
    await cluster.dispose();
  });

  /** A request on a connection of its own. */
  function send(localAddress: string, method: string, path: string, length = 0): ClientRequest {
    const headers = length > 0 ? { 'content-length': String(length) } : {};
    const client = request(cluster.url + path, { method, headers, localAddress, agent: false });
    client.on('error', () => undefined);
    requests.add(client);
    return client;
  }

  async function codeOf(client: ClientRequest): Promise<string> {
    const [response] = (await once(client, 'response')) as [IncomingMessage];
    if (response.statusCode === 200) return 'open';
    const chunks = (await response.toArray()) as Buffer[];
    const { code } = JSON.parse(Buffer.concat(chunks).toString()) as { code: string };
    return `${response.statusCode} ${code}`;
  }

  /** Sends a part of a body that never ends. @returns its refusal, or `open` when it is held */
  async function body(from: string, bytes: number, gauge: string): Promise<string> {
    const before = await read(gauge);
    const client = send(from, 'POST', '/body', bytes + 1);
    client.write(Buffer.alloc(bytes));
    const refused = codeOf(client);
    refused.catch(() => undefined);
    const held = until(
      () => read(gauge),
      (now) => now > before,
    );
    return Promise.race([refused, held.then(() => 'open')]);
  }

  async function read(gauge: string): Promise<number> {
    const metrics = await (await fetch(`${cluster.adminUrl}/metrics`)).text();
    return Number(new RegExp(`^${gauge} (\\S+)$`, 'm').exec(metrics)![1]);
  }

  const event = (from: string): Promise<string> => {
    const client = send(from, 'GET', '/events');
    client.end();
    return codeOf(client);
  };

  async function times(count: number, hold: () => Promise<string>): Promise<string[]> {
    const outcomes: string[] = [];
    for (let n = 0; n < count; n++) outcomes.push(await hold());
    return outcomes;
  }

  const open = (count: number): string[] => Array<string>(count).fill('open');
  const FULL = '503 OVERLOADED';

  it('has at most half of MAX_PENDING_BODIES under way, and another one the other half', async () => {
    await start({ MAX_PENDING_BODIES: String(MOST) });
    const pending = (from: string) => () => body(from, 1, 'multilane_pending_bodies');
    expect(await times(MOST / 2 + 1, pending(GREEDY))).to.deep.equal([...open(MOST / 2), FULL]);
    expect(await times(MOST / 2, pending(OTHER))).to.deep.equal(open(MOST / 2));
    expect(await pending(THIRD)()).to.equal(FULL);
  });

  it('has at most half of MAX_BUFFERED_BODY_BYTES, and another one as much', async () => {
    await start({ MAX_BUFFERED_BODY_BYTES: String(MOST_BYTES) });
    const held = (from: string) => () => body(from, 12 * 1024, 'multilane_buffered_body_bytes');
    expect(await times(3, held(GREEDY))).to.deep.equal([...open(2), FULL]);
    expect(await times(3, held(OTHER))).to.deep.equal([...open(2), FULL]);
  });

  it('has at most half of MAX_STREAMS open, and another one the other half', async () => {
    await start({ MAX_STREAMS: String(MOST) });
    expect(await times(MOST / 2 + 1, () => event(GREEDY))).to.deep.equal([...open(MOST / 2), FULL]);
    expect(await times(MOST / 2, () => event(OTHER))).to.deep.equal(open(MOST / 2));
    expect(await event(THIRD)).to.equal(FULL);
  });

  it('has at most MAX_STREAMS_PER_ADDRESS open where that is set', async () => {
    await start({ MAX_STREAMS: String(MOST), MAX_STREAMS_PER_ADDRESS: '2' });
    expect(await times(3, () => event(GREEDY))).to.deep.equal([...open(2), FULL]);
    expect(await times(3, () => event(OTHER))).to.deep.equal([...open(2), FULL]);
  });
});
