// What the HTTP transport accepts of an endpoint's bytes, for whole and for streamed responses alike.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import { HttpError } from '#src/errors.js';
import { httpProbe } from '#src/upstream/http-probe.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { MOST_INTERIM } from '#src/upstream/response-fault.js';
import { endpoint } from './endpoints.js';
import { BAD_RESPONSES, interim } from './raw-responses.js';
import { RealUpstreams } from './real-upstreams.js';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe('responses over HTTP', () => {
  const upstreams = new RealUpstreams();
  let transport: HttpTransport;
  /** The connection of each request. */
  let used: Socket[];

  beforeEach(() => {
    transport = new HttpTransport({ connections: 1 });
    used = [];
  });
  afterEach(async () => {
    await transport.close();
    await upstreams.close();
  });

  /** Sends these bytes for every request, and keeps the connection. */
  const serve = (bytes: string): Promise<number> =>
    upstreams.serveRaw((socket) => {
      used.push(socket);
      socket.write(bytes, 'latin1');
    });

  const deadline = Deadline.after(10_000);
  const kinds: Readonly<Record<string, (port: number) => Promise<{ status: number; text: string }>>> = {
    'a whole response': async (port) => {
      const { signal } = new AbortController();
      const request = { method: 'GET', path: '/', headers: {}, body: undefined, deadline, signal };
      const response = await transport.send(endpoint('i1', { port }), request);
      return { status: response.status, text: response.text() };
    },
    'a streamed response': async (port) => {
      const request = { method: 'GET', path: '/', headers: [], body: undefined, deadline };
      const stream = await transport.stream(endpoint('i1', { port }), { ...request, abort: new OwnAbort() });
      let text = '';
      for await (const piece of stream) text += Buffer.from(piece).toString('latin1');
      return { status: stream.status, text };
    },
  };

  for (const [kind, receive] of Object.entries(kinds)) {
    describe(`of which ${kind} is made`, () => {
      for (const [what, bytes] of BAD_RESPONSES) {
        it(`are refused with ${what}, and the connection is not used again`, async () => {
          const port = await serve(bytes);
          for (let n = 0; n < 2; n++) {
            const error = await receive(port).then(
              () => expect.fail('a response was accepted'),
              (reason: unknown) => reason,
            );
            expect(error).to.be.instanceOf(HttpError);
            expect(error).to.include({ code: 'BAD_UPSTREAM', status: 502 });
            expect((error as HttpError).message)
              .to.match(/^Instance i1 of orders /)
              .and.not.include('OpenSSH')
              .and.not.include('closed the connection');
          }
          expect(used[0]).not.to.equal(used[1]);
        });
      }

      for (const status of [100, 102, 103]) {
        it(`may follow ${MOST_INTERIM} interim responses with ${status}, and keep their connection`, async () => {
          const port = await serve(interim(status).repeat(MOST_INTERIM) + OK);
          for (let n = 0; n < 2; n++) expect(await receive(port)).to.deep.equal({ status: 200, text: 'ok' });
          expect(used[0]).to.equal(used[1]);
        });
      }

      it('may be a 304 with the length of the response that it stands for', async () => {
        const port = await serve('HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n');
        for (let n = 0; n < 2; n++) expect(await receive(port)).to.deep.equal({ status: 304, text: '' });
      });

      it('do not keep a connection without calls for longer than this process does', async () => {
        const port = await serve(
          `HTTP/1.1 200 OK\r\nKeep-Alive: timeout=600\r\n${OK.split('\r\n').slice(1).join('\r\n')}`,
        );
        await transport.close();
        transport = new HttpTransport({ keepAliveMs: 50 });
        await receive(port);
        if (!used[0]!.closed) await once(used[0]!, 'close');
      });
    });
  }

  it('with values that are no UTF-8 are read as Latin-1', async () => {
    const port = await serve('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Old: caf\xe9\r\n\r\n');
    const { signal } = new AbortController();
    const request = { method: 'GET', path: '/', headers: {}, body: undefined, deadline, signal };
    expect((await transport.send(endpoint('i1', { port }), request)).headers['x-old']).to.equal('caf\xe9');
  });

  it('make an instance healthy behind a few interim responses', async () => {
    const probe = httpProbe();
    const target = { address: '127.0.0.1', path: '/', host: 'orders', metadata: {} };
    const { signal } = new AbortController();
    const isHealthy = async (bytes: string) => probe({ ...target, port: await serve(bytes) }, signal);
    expect(await isHealthy(interim(100) + interim(103) + OK)).to.equal(true);
    expect(await isHealthy(interim(103).repeat(MOST_INTERIM + 1) + OK)).to.equal(false);
  });
});
