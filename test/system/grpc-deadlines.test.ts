// However a stranger chooses its `grpc-timeout` and the moments at which it sends and leaves, calls that end
// by it do not count against the instances that their handlers have called.
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { loadProto } from '#src/grpc/load-proto.js';
import type { RpcMethod } from '#src/grpc/rpc-method.js';
import { frameOf } from '#src/server/grpc/rpc-frames.js';
import { get, json } from '#test/support/client.js';
import { TestInstance } from '#test/support/instance.js';
import { rpcPorts } from '#test/support/rpc-client.js';
import { useCluster } from '#test/support/use-cluster.js';
import { RPC_CALLING } from './fixtures/paths.js';

/** More calls than a breaker or an ejection needs. */
const CALLS = 60;

interface Stranger {
  readonly timeout: string;
  /** When the message is sent. @default at once */
  readonly sendsAt?: number;
  /** When the client cancels. @default never */
  readonly leavesAt?: number;
  /** How long the instance takes. */
  readonly takesMs: number;
  /** The `timeoutMs` of the handler's own call. */
  readonly ownMs?: number;
}

const STRANGERS: Readonly<Record<string, Stranger>> = {
  'takes a little of the budget': { timeout: '465m', takesMs: 480 },
  'takes a little of the budget, and leaves just before': { timeout: '465m', leavesAt: 420, takesMs: 440 },
  'leaves before the time-out of the call': { timeout: '105m', leavesAt: 60, takesMs: 80, ownMs: 100 },
  'sends its message late': { timeout: '500m', sendsAt: 350, takesMs: 250 },
};

describe('the grpc-timeout of a stranger', () => {
  const cluster = useCluster({
    config: RPC_CALLING,
    // Sixty calls are the first work of the worker, which takes long on a busy machine.
    env: { WORKERS: '1', GRPC_PORT: '0', ADAPTIVE_LIMIT: 'off' },
  });
  let instance: TestInstance;
  let session: ClientHttp2Session;
  let method: RpcMethod;
  before(async () => {
    instance = await TestInstance.start(cluster.adminUrl, 'things', 'one');
    const [port] = await rpcPorts(cluster);
    session = connect(`http://127.0.0.1:${port}`);
    const methods = await loadProto(pathToFileURL('test/grpc/fixtures/everything.proto'));
    method = methods.get('/multilane.test.v1.Everything/Get')!;
  });
  after(() => {
    session.destroy();
    instance.stop();
  });

  const begin = (timeout?: string): ClientHttp2Stream => {
    const stream = session.request({
      ':method': 'POST',
      ':path': method.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(timeout !== undefined && { 'grpc-timeout': timeout }),
    });
    stream.on('error', () => {});
    return stream;
  };
  const frame = (ownMs = 0): Uint8Array => frameOf(method.request.encode({ count: ownMs }));

  async function call({ timeout, sendsAt = 0, leavesAt, ownMs }: Stranger): Promise<void> {
    const stream = begin(timeout);
    const closed = once(stream, 'close');
    stream.resume();
    const sending = setTimeout(() => stream.end(frame(ownMs)), sendsAt);
    const leaving = leavesAt === undefined ? undefined : setTimeout(() => stream.close(8), leavesAt);
    await closed;
    clearTimeout(sending);
    clearTimeout(leaving);
  }

  async function honest(): Promise<unknown> {
    const stream = begin();
    stream.end(frame());
    const pieces: Buffer[] = [];
    for await (const piece of stream) pieces.push(piece as Buffer);
    return method.response.decode(Buffer.concat(pieces).subarray(5));
  }

  for (const [what, stranger] of Object.entries(STRANGERS)) {
    it(`does not count against instances when it ${what}`, async () => {
      instance.behave = (_request, response) => void setTimeout(() => response.end(), stranger.takesMs);
      await Promise.all(Array.from({ length: CALLS }, () => call(stranger)));
      instance.behave = (_request, response) => void response.end();
      // The calls of the handlers end with those of the client, which does not hear of them.
      await sleep(100);
      for (let n = 0; n < 3; n++) expect(await honest()).to.include({ name: '200' });
      const { items } = await json<{
        items: { service: string; state: string; transitions: { open: number } }[];
      }>(await get(`${cluster.adminUrl}/breakers`));
      const seen = items.filter(({ service }) => service === 'things');
      expect(seen.map(({ state, transitions }) => [state, transitions.open])).to.deep.equal([['closed', 0]]);
    });
  }
});
