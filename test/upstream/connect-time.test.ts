// How long a connection of a call over HTTP may take: a part of what is left to the call for which it is
// opened.
import { expect } from 'chai';
import type { Client } from 'undici';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import { UNCOUNTED } from '#src/upstream/held-bytes.js';
import { HttpPool } from '#src/upstream/http-pool.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { renewedAfter } from '#src/upstream/renewed-client.js';
import { type StrictConnector, strictConnector } from '#src/upstream/strict-connect.js';
import { UnreachedError } from '#src/upstream/transport-errors.js';
import { loadUndici } from '#src/upstream/undici.js';
import { endpoint } from './endpoints.js';
import { RealUpstreams } from './real-upstreams.js';

async function* source() {
  yield Buffer.from('a piece');
}
const bodies: Readonly<Record<string, () => string | Uint8Array | AsyncIterable<Uint8Array> | undefined>> = {
  'no body': () => undefined,
  'a text': () => 'text',
  bytes: () => Buffer.from('bytes'),
  'an iterable': source,
};
type Body = ReturnType<(typeof bodies)[string]>;

describe('the time for a connection of a call over HTTP', () => {
  const upstreams = new RealUpstreams();
  afterEach(() => upstreams.close());

  /** A pool with one connection, and the deadlines of the requests for which it has opened one. */
  function timedPool(port: number) {
    const deadlines: Deadline[] = [];
    const open = strictConnector();
    const connect: StrictConnector = (target, callback, deadline) => {
      deadlines.push(deadline);
      open(target, callback, deadline);
    };
    const { Pool } = loadUndici();
    const undici = new Pool(`http://127.0.0.1:${port}`, {
      connections: 1,
      factory: renewedAfter(60_000, connect) as (origin: URL, options: object) => Client,
    });
    const limits = { connections: 1, memory: UNCOUNTED, line: { length: 0 } };
    const pool = new HttpPool(endpoint('i1', { port }), undici, limits);
    const request = (body: Body) => {
      const abort = new OwnAbort();
      const deadline = Deadline.after(30_000);
      return { method: 'PUT', path: '/', body, deadline, abort, signal: abort.signal };
    };
    const sends = {
      send: (body: Body) => {
        const sent = request(body);
        return { sent, ended: pool.send({ ...sent, headers: {} }) };
      },
      stream: (body: Body) => {
        const sent = request(body);
        const ended = pool.stream({ ...sent, headers: [] }).then(async (response) => {
          while (!(await response.next()).done);
        });
        return { sent, ended };
      },
    };
    return { pool, deadlines, sends };
  }

  it('is that of its own request, whatever its body is, and also after it has waited', async () => {
    // Each response ends its connection, so each request needs one of its own.
    const port = await upstreams.serve((request, response) => {
      request.resume().on('end', () => response.writeHead(200, { connection: 'close' }).end('x'));
    });
    const { pool, deadlines, sends } = timedPool(port);
    const calls = Object.values(sends).flatMap((send) => Object.values(bodies).map((body) => send(body())));
    await Promise.all(calls.map(({ ended }) => ended));
    expect(deadlines).to.deep.equal(calls.map(({ sent }) => sent.deadline));
    await pool.destroy();
  });

  it('ends before that of a call which began earlier, and has more time', async () => {
    // It accepts connections, and does not begin TLS.
    const port = await upstreams.serveRaw(() => undefined);
    const transport = new HttpTransport();
    const ends: string[] = [];
    const call = (name: string, deadline: Deadline, body: () => Body) => {
      const abort = new OwnAbort();
      const to = endpoint('i1', { port, metadata: { scheme: 'https' } });
      const sent = { method: 'PUT', path: '/', deadline, abort, signal: abort.signal };
      const calls = [
        transport.send(to, { ...sent, headers: {}, body: body() }),
        transport.stream(to, { ...sent, headers: [], body: body() }),
      ];
      return calls.map((ended) =>
        ended.catch((error: unknown) => {
          ends.push(name);
          return error;
        }),
      );
    };
    const long = call('long', Deadline.after(30_000), () => 'text');
    const short = Object.entries(bodies).flatMap(([name, body]) => call(name, Deadline.after(0), body));
    for (const error of await Promise.all(short)) expect(error).to.be.instanceOf(UnreachedError);
    expect(ends).not.to.include('long');
    await transport.close();
    await Promise.all(long);
  });
});
