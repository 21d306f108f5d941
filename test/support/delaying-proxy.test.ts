import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { delayingProxy } from './delaying-proxy.js';
import { newSeed } from './random.js';

describe('the delaying proxy', () => {
  const seed = newSeed();
  let server: Server;
  let url: string;
  let accepted: Promise<Socket>;
  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true });
    accepted = once(server, 'connection').then(([socket]) => socket as Socket);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => server.close());

  const dial = (to: string): Socket =>
    connect({ host: '127.0.0.1', port: Number(new URL(to).port), allowHalfOpen: true });
  const textOf = async (socket: Socket): Promise<string> => {
    let text = '';
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) text += String(chunk);
    return text;
  };

  it(`forwards the data of both sides in order, and the end of one side alone (seed ${seed})`, async () => {
    const proxy = await delayingProxy(url, seed);
    const client = dial(proxy.url);
    const peer = await accepted;
    const lines = Array.from({ length: 20 }, (_, index) => `${index}\n`);
    for (const line of lines) client.write(line);
    client.end();
    expect(await textOf(peer)).to.equal(lines.join(''));
    for (const line of lines) peer.write(line);
    peer.end();
    expect(await textOf(client)).to.equal(lines.join(''));
    await proxy.close();
  });

  it(`closes a connection whose other side is reset (seed ${seed})`, async () => {
    const proxy = await delayingProxy(url, seed);
    const client = dial(proxy.url);
    client.on('error', () => undefined); // a reset is an end as well
    const closed = once(client, 'close');
    client.resume();
    (await accepted).resetAndDestroy();
    client.end();
    await closed;
    await proxy.close();
  });

  it('refuses connections once its target refuses them', async () => {
    const proxy = await delayingProxy(url, seed);
    server.close();
    const first = dial(proxy.url);
    first.resume();
    await once(first, 'end');
    first.destroy();
    const refused = await once(dial(proxy.url), 'connect').then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    );
    expect(refused).to.equal('ECONNREFUSED');
    await proxy.close();
  });
});
