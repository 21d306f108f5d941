// The client of the registry of another process, against servers that are slow, silent or hostile.
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { registryClients } from '#src/primary/registry-client.js';
import { type RegistryClient, RegistryFailure, type WatchEvent } from '#src/registry/backends/http-api.js';

describe('the client of the registry of another process', () => {
  let server: Server;
  let client: RegistryClient;
  const serve = async (listener: RequestListener, silenceMs?: number): Promise<RegistryClient> => {
    server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    client = registryClients(`http://127.0.0.1:${port}`, undefined, silenceMs)('secret');
    return client;
  };
  /** Reads a stream until it ends. */
  const watched = async (watching: RegistryClient): Promise<{ events: WatchEvent[]; error: Error }> => {
    const events: WatchEvent[] = [];
    const error = await new Promise<Error>((resolve, reject) => {
      watching.watch('/watch', (event) => events.push(event), resolve).catch(reject);
    });
    return { events, error };
  };
  const failureOf = (promise: Promise<unknown>): Promise<Error> =>
    promise.then(
      () => expect.fail('it has not failed'),
      (error: Error) => error,
    );
  afterEach(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });

  it('reads events until the stream ends', async () => {
    const { events, error } = await watched(
      await serve((_, response) => response.end(':\n\nid: p-7\nevent: put\ndata: {"a":1}\n\n')),
    );
    expect(events).to.deep.equal([{ type: 'put', id: 'p-7', data: { a: 1 }, size: 7 }]);
    expect(error.message).to.equal('the registry has ended the watch');
  });

  it('gives up a stream that has fallen silent', async () => {
    const { error } = await watched(await serve((_, response) => response.write(':\n\n'), 50));
    expect(error.message).to.contain('has fallen silent');
  });

  it('gives up a stream whose event or line does not end', async () => {
    for (const text of [`data: ${'x'.repeat(1000)}\n`, 'x'.repeat(1000)]) {
      const { error } = await watched(
        await serve((_, response) => {
          response.on('error', () => undefined);
          for (let n = 0; n < 1000; n += 1) response.write(text);
        }),
      );
      expect(error.message).to.contain('too long');
      server.closeAllConnections();
      server.close();
    }
  });

  it('gives up a response that is too long', async () => {
    const one = await serve((_, response) => response.end(`[${'{},'.repeat(1_000_000)}{}]`));
    expect((await failureOf(one.request('GET', '/'))).message).to.equal('the response is too long');
  });

  it('tells of a refusal its status, its reason, and when to come again', async () => {
    const one = await serve((_, response) =>
      response.writeHead(503, { 'retry-after': '7' }).end('{"detail":"no room"}'),
    );
    const failures = [
      one.request('PUT', '/', {}),
      one.watch(
        '/',
        () => undefined,
        () => undefined,
      ),
    ];
    for (const failure of await Promise.all(failures.map(failureOf))) {
      expect(failure).to.be.instanceOf(RegistryFailure);
      expect(failure).to.include({ status: 503, retryAfterSeconds: 7 });
    }
  });
});
