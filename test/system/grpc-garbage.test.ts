// What a call leaves behind is found by the next collection of young objects. When something in the old
// generation refers to it, it stays until the next full collection, and the collections of young objects,
// which are frequent, copy it.
import { expect } from 'chai';
import { RpcClient, rpcPorts } from '#test/support/rpc-client.js';
import { useCluster } from '#test/support/use-cluster.js';
import { RPC } from './fixtures/paths.js';

/** Of each half of a round. V8 takes objects for long-lived ones after some thousand calls. */
const CALLS = 4_000;
const LANES = 32;
const ROUNDS = 4;
/** What a call may leave until the next full collection. A stream with what it refers to takes 6 KB. */
const MOST_BYTES = 1_000;

/** On Node.js 24 something more keeps the streams of a session; what is not known. */
const isKept = Number(process.versions.node.split('.')[0]) >= 24;

(isKept ? describe.skip : describe)('the garbage of calls by gRPC', () => {
  const cluster = useCluster({ config: RPC, env: { WORKERS: '1', GRPC_PORT: '0' } });
  let client: RpcClient;
  before(async () => {
    const [port] = await rpcPorts(cluster);
    client = await RpcClient.to(port!);
  });
  after(() => client.close());

  async function bytesAfter(kind: 'full' | 'young'): Promise<number> {
    const outcome = await client.get(`bytes after a ${kind} collection`);
    return Number((outcome as { name: string }).name);
  }

  async function load(): Promise<void> {
    let left = CALLS;
    const lane = async (): Promise<void> => {
      while (left-- > 0) await client.get('thread');
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  it('needs no full collection', async () => {
    const kept: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await load();
      const before = await bytesAfter('full');
      await load();
      kept.push(((await bytesAfter('young')) - before) / CALLS);
    }
    // V8 compiles and learns in the first rounds. One in which it has made a full collection by itself proves
    // nothing: its figure is below 0.
    const last = kept.slice(ROUNDS / 2);
    expect(last.some((bytes) => bytes > 0)).to.equal(true);
    expect(Math.max(...last)).to.be.below(MOST_BYTES);
  });
});
