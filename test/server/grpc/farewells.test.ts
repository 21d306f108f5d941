import { once } from 'node:events';
import { connect } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { frameOf } from '#src/server/grpc/rpc-frames.js';
import { until } from '#test/support/until.js';
import { SERVICE } from './http2-clients.js';
import { type RpcBench, rpcBench } from './kit.js';
import { type Frame, RawHttp2, TYPE } from './raw-http2.js';

const PATH = `${SERVICE}Get`;
const EMPTY = frameOf(new Uint8Array(0));
const CALLS = 20;

describe('a gRPC server that sends its clients away', () => {
  let bench: RpcBench | undefined;
  const clients: RawHttp2[] = [];
  const serve = async (): Promise<RpcBench> => {
    bench = await rpcBench({
      Get: async () => {
        await sleep(30);
        return { name: 'served' };
      },
    });
    return bench;
  };
  const open = async (seen?: (frame: Frame) => void): Promise<RawHttp2> => {
    const client = new RawHttp2(bench!.port, seen);
    clients.push(client);
    await until(
      () => client.of(TYPE.SETTINGS).length,
      (settings) => settings > 0,
    );
    return client;
  };
  const noConnection = () =>
    until(
      () => bench!.server.connections,
      (connections) => connections === 0,
    );
  afterEach(() => {
    for (const client of clients.splice(0)) client.socket.destroy();
    bench?.close();
  });

  it('cuts none of the calls that run, and tells which of those on their way it has not served', async () => {
    const { server } = await serve();
    let next = 1;
    const callAll = (client: RawHttp2): void => {
      for (let n = 0; n < CALLS; n += 1, next += 2) client.call(next, PATH, EMPTY);
    };
    // The client has begun more calls when it reads the first GOAWAY.
    const client = await open(({ type }) => {
      if (type === TYPE.GOAWAY && client.of(TYPE.GOAWAY).length === 1) callAll(client);
    });
    callAll(client);
    server.goAway();
    callAll(client);
    const closed = once(client.socket, 'close');
    await noConnection();
    await closed;
    const last = client.of(TYPE.GOAWAY).map(({ payload }) => payload.readUInt32BE(0));
    expect(last[0]).to.equal(2 ** 31 - 1);
    const [count, final] = [3 * CALLS, last.at(-1)!];
    expect(next).to.equal(2 * count + 1);
    const served = [...new Set(client.of(TYPE.DATA).map(({ stream }) => stream))].sort((a, b) => a - b);
    const all = Array.from({ length: count }, (_, n) => 2 * n + 1);
    expect(served).to.deep.equal(all.filter((stream) => stream <= final));
    expect(client.of(TYPE.RST_STREAM)).to.deep.equal([]);
  });

  it('ends the connection of a client that does not respond', async () => {
    const { server } = await serve();
    const client = await open();
    client.isPolite = false;
    client.call(1, PATH, EMPTY);
    await until(
      () => bench!.app.inFlight,
      (calls) => calls === 1,
    );
    server.goAway();
    await noConnection();
    expect(client.of(TYPE.GOAWAY).length).to.be.at.least(2);
  });

  it('tells a client that connects after all others were told', async () => {
    const { port, server } = await serve();
    server.goAway();
    const late = connect(`http://127.0.0.1:${port}`);
    late.on('error', () => {});
    await once(late, 'goaway');
    late.close();
    await noConnection();
  });
});
