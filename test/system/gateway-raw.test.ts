// Instances whose bytes must not be trusted, behind the gateway of a real process: clients get 502, and the
// next request has a connection of its own.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { get, json, put } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { useCluster } from '#test/support/use-cluster.js';
import { BAD_RESPONSES } from '#test/upstream/raw-responses.js';
import { RELAYED } from './fixtures/paths.js';

describe('an instance behind the gateway', () => {
  // Instances that fail all the time would be ejected, and their breakers opened.
  const cluster = useCluster({ config: RELAYED, env: { EJECTION_MS: '0', WORKERS: '1' } });
  let bytes = '';
  /** The sockets on which requests have come. */
  let used: Socket[] = [];
  let server: Server;

  before(async () => {
    server = createServer((socket) => {
      socket
        .on('error', () => undefined)
        .on('data', () => {
          used.push(socket);
          socket.write(bytes, 'latin1');
        });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => server.close());

  BAD_RESPONSES.forEach(([what, response], number) => {
    it(`cannot harm a client by ${what}`, async () => {
      // An instance of its own for each case, whose breaker is closed.
      const { port } = server.address() as AddressInfo;
      const instance = `${cluster.adminUrl}/registry/v1/services/things/instances/raw-${number}`;
      await json(await put(instance, { host: '127.0.0.1', port, ttlSeconds: 3600 }), 201);
      bytes = response;
      used = [];
      const body = { method: 'POST', body: 'x' };
      // A fault in the body comes when the response has begun: the connection is cut, perhaps with the head.
      const text = (response: Response): Promise<string> => response.text();
      const first = await fetch(`${cluster.url}/svc/things/`, body).catch(() => 'cut off');
      if (typeof first !== 'string' && !first.ok) await expectProblem(first, 502, 'BAD_UPSTREAM');
      else if (typeof first !== 'string')
        expect(await text(first).catch(() => 'cut off')).to.equal('cut off');
      bytes = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
      expect(await (await get(`${cluster.url}/svc/things/`)).text()).to.equal('ok');
      expect(used[0]).not.to.equal(used.at(-1));
      await fetch(instance, { method: 'DELETE' });
    });
  });
});
