// Calls to an instance whose address is that of a TCP balancer: only new connections reach other servers.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server as TcpServer,
} from 'node:net';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { endpoint } from './endpoints.js';

const AGE_MS = 30;

async function portOf(server: TcpServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('an instance behind a TCP balancer', () => {
  const received = [0, 0];
  let servers: readonly Server[];
  let balancer: TcpServer;
  /** The ports that new connections are spread over. */
  let behind: number[] = [];
  let transport: HttpTransport;
  let send: () => Promise<number>;
  before(async () => {
    servers = [0, 1].map((at) =>
      createServer((_request, response) => {
        received[at]! += 1;
        response.end('{}');
      }),
    );
    let connections = 0;
    balancer = createTcpServer((client) => {
      connections += 1;
      const server = connect(behind[connections % behind.length]!, '127.0.0.1');
      client.on('error', () => server.destroy()).pipe(server);
      server.on('error', () => client.destroy()).pipe(client);
    });
    const to = endpoint('one', { port: await portOf(balancer) });
    transport = new HttpTransport({ connectionAgeMs: AGE_MS });
    const deadline = Deadline.after(60_000);
    const { signal } = new AbortController();
    send = async () => {
      const request = { method: 'GET', path: '/', headers: {}, body: undefined, deadline, signal };
      return (await transport.send(to, request)).status;
    };
  });
  after(async () => {
    await transport.close();
    for (const server of [balancer, ...servers]) server.close();
  });

  it('is called at a server that was added, and leaves one that was removed', async () => {
    const [first, second] = [await portOf(servers[0]!), await portOf(servers[1]!)];
    behind = [first];
    for (let n = 0; n < 10; n += 1) expect(await send()).to.equal(200);
    behind = [first, second];
    while (received[1] === 0) expect(await send()).to.equal(200);
    behind = [second];
    const connections = promisify(servers[0]!.getConnections.bind(servers[0]!));
    while ((await connections()) > 0) expect(await send()).to.equal(200);
  }).timeout(30_000);
});
