// The connections that calls over HTTP open, seen from the endpoint.
import { createServer } from 'node:http';
import { expect } from 'chai';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { until } from '#test/support/until.js';
import { endpoint } from './endpoints.js';
import { RealUpstreams } from './real-upstreams.js';

const CALLS = 20;

describe('connections of calls over HTTP', () => {
  const upstreams = new RealUpstreams();
  let transport: HttpTransport;

  beforeEach(() => {
    transport = new HttpTransport();
  });
  afterEach(async () => {
    await transport.close();
    await upstreams.close();
  });

  const deadline = Deadline.after(30_000);
  const kinds: Readonly<Record<string, (port: number, abort: OwnAbort, path: string) => Promise<unknown>>> = {
    'a call': (port, abort, path) => {
      const { signal } = new AbortController();
      const request = { method: 'GET', path, headers: {}, body: undefined, deadline, signal, abort };
      return transport.send(endpoint('i1', { port }), request);
    },
    'a streamed call': (port, abort, path) =>
      transport.stream(endpoint('i1', { port }), {
        ...{ method: 'GET', path, headers: [], body: undefined, deadline, abort },
      }),
  };

  for (const [kind, send] of Object.entries(kinds)) {
    it(`are one for ${kind} that is aborted, which is closed`, async () => {
      let connections = 0;
      let arrived = 0;
      const server = createServer((request, response) => {
        if (request.url === '/next') response.end('x');
        else arrived++;
      });
      server.on('connection', () => connections++);
      const port = await upstreams.listen(server);
      const aborts = Array.from({ length: CALLS }, () => new OwnAbort());
      const calls = aborts.map((abort) => send(port, abort, '/hang').catch((reason: unknown) => reason));
      await until(
        () => arrived,
        (count) => count === CALLS,
      );
      for (const abort of aborts) abort.abort('left');
      expect(new Set(await Promise.all(calls))).to.deep.equal(new Set(['left']));
      await until(
        () => upstreams.sockets.size,
        (open) => open === 0,
      );
      // It would use one that was opened for an aborted call.
      await send(port, new OwnAbort(), '/next');
      expect(connections).to.equal(CALLS + 1);
    });
  }
});
