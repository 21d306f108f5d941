// Raw bytes against a listening server: what cannot be trusted is not executed, and the connection ends.
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import type { HttpServer } from '#src/server/http-core.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, settled } from './kit.js';

const FOLLOWER = 'GET /evil HTTP/1.1\r\nHost: x\r\n\r\n';
const post = (...fields: string[]): string =>
  ['POST /target HTTP/1.1', 'Host: x', ...fields, '', ''].join('\r\n');

onCores('framing over a socket', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  let executed: string[];

  before(async () => {
    world = bench((app) => {
      app.get('/ok', () => {
        executed.push('/ok');
        return 'ok';
      });
      app.get('/evil', () => {
        executed.push('/evil');
        return 'evil';
      });
      app.get('/stream', (ctx) => ctx.stream(pieces()));
      app.get('/host', (ctx) => ctx.headers.get('host'));
      app.post('/target', () => {
        executed.push('/target');
        return 'target';
      });
      app.post('/read', async (ctx) => ctx.readText());
      app.post('/streamed', (ctx) => ctx.stream(pieces()));
      app.post('/mirror', (ctx) => ctx.stream(ctx.readStream()));
      app.post('/no-chunks', { chunked: 'reject' }, () => 'never');
      app.post('/nothing', () => undefined);
    });
    server = core.serverOf(world.app, { settings: { maxHeaderBytes: 1500, maxUrlBytes: 500 } });
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  after(() => server.close());
  beforeEach(() => {
    executed = [];
  });

  async function* pieces() {
    yield 'a';
    yield 'b';
  }

  /** Reads everything until the server closes. */
  async function sent(...packets: string[]): Promise<string> {
    const wire = await Wire.open(url);
    const answers: string[] = [];
    for (const packet of packets) wire.write(Buffer.from(packet, 'latin1'));
    for (;;) {
      const answer = await wire.response();
      if (answer === undefined) return answers.join(' ');
      const code = answer.headers['content-type'] === 'application/problem+json' ? codeOf(answer.body) : '';
      answers.push(`${answer.status}${code}`);
    }
  }

  const codeOf = (body: Buffer): string => ` ${(JSON.parse(body.toString()) as { code: string }).code}`;

  const untrusted: Record<string, string> = {
    'Content-Length twice': post('Content-Length: 0', 'Content-Length: 30'),
    'Content-Length twice, both equal': `${post('Content-Length: 3', 'Content-Length: 3')}abc`,
    'an empty Content-Length': post('Content-Length:'),
    'a signed Content-Length': post('Content-Length: +0'),
    'a negative Content-Length': post('Content-Length: -1'),
    'a list as Content-Length': post('Content-Length: 0, 0'),
    'a Content-Length with a tail': post('Content-Length: 0x'),
    'a hexadecimal Content-Length': post('Content-Length: 0x0'),
    'a Content-Length beyond any size': post('Content-Length: 99999999999999999999'),
    'an unknown Transfer-Encoding': `${post('Transfer-Encoding: xchunked')}0\r\n\r\n`,
    identity: post('Transfer-Encoding: identity'),
    'an empty Transfer-Encoding': post('Transfer-Encoding:'),
    'two codings': `${post('Transfer-Encoding: gzip, chunked')}0\r\n\r\n`,
    'Transfer-Encoding twice': `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: identity')}0\r\n\r\n`,
    'a lengthened chunked': `${post('Transfer-Encoding: chunked, identity')}0\r\n\r\n`,
    'chunked with a control character': `${post('Transfer-Encoding: \u000bchunked')}0\r\n\r\n`,
    'both, length first': `${post('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    'both, coding first': `${post('Transfer-Encoding: chunked', 'Content-Length: 5')}0\r\n\r\n`,
    'white space before a colon': `${post('Transfer-Encoding : chunked')}0\r\n\r\n`,
    'a folded line': `${post('X: a', ' Transfer-Encoding: chunked')}0\r\n\r\n`,
    'no Host': 'POST /target HTTP/1.1\r\n\r\n',
    'Host twice': 'POST /target HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    'a Host that is none': 'POST /target HTTP/1.1\r\nHost: a b\r\n\r\n',
    'an unknown method': 'BREW /target HTTP/1.1\r\nHost: x\r\n\r\n',
    'a method in lower case': 'post /target HTTP/1.1\r\nHost: x\r\n\r\n',
    'bare line feeds': 'POST /target HTTP/1.1\nHost: x\n\n',
    'NUL in a value': post('X: a\u0000b'),
    'a name with a space': post('X Y: a'),
    'a header over the limit': post(`X: ${'a'.repeat(1600)}`),
    'a URL over the limit': `POST /target?${'a'.repeat(600)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  };

  /** The forms of older clients and of clients of a proxy. */
  const others: Record<string, string> = {
    'HTTP/1.0': 'POST /target HTTP/1.0\r\nHost: x\r\n\r\n',
    'an absolute target': 'POST http://x/target HTTP/1.1\r\nHost: x\r\n\r\n',
  };
  const refused = { uws: { ...untrusted, ...others }, node: untrusted }[core.name];

  for (const [what, bytes] of Object.entries(refused)) {
    it(`neither executes a request with ${what} nor what follows it`, async () => {
      await sent(bytes + FOLLOWER);
      expect(executed, 'in one packet').to.deep.equal([]);
      const answer = await sent(bytes);
      expect(executed, 'alone').to.deep.equal([]);
      expect(answer).to.match(/^(?:400|414|431|501|505)/);
    });
  }

  if (core.name === 'node') {
    it('executes a request with HTTP/1.0, with or without Host, and nothing that follows it', async () => {
      for (const fields of ['', 'Host: x\r\n', 'Connection: keep-alive\r\n']) {
        executed = [];
        expect(await sent(`POST /target HTTP/1.0\r\n${fields}\r\n${FOLLOWER}`)).to.equal('200');
        expect(executed).to.deep.equal(['/target']);
      }
    });

    it('sends a response in pieces without chunks to HTTP/1.0, up to the end of the connection', async () => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      socket.write('GET /stream HTTP/1.0\r\n\r\n');
      const response = await text(socket);
      expect(response).to.match(/^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*\r\nab$/);
      expect(response).to.not.match(/transfer-encoding/i);
    });

    it('refuses a body in chunks with HTTP/1.0, which has none', async () => {
      const bytes = 'POST /target HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
      expect(await sent(bytes)).to.equal('400 MALFORMED_REQUEST');
      expect(executed).to.deep.equal([]);
    });

    it('takes the authority of an absolute target for the Host, and the connection stays', async () => {
      const wire = await Wire.open(url);
      for (const [target, host] of [
        ['http://a.example/host', 'a.example'],
        ['HTTP://a.example:80/host?x=1', 'a.example:80'],
        ['https://[::1]:1/host', '[::1]:1'],
        ['/host', 'test'],
      ] as const) {
        const response = await wire.request('GET', target);
        expect([response?.status, response?.body.toString()], target).to.deep.equal([200, host]);
      }
      expect((await wire.request('GET', 'http://a.example'))?.status).to.equal(404);
      wire.destroy();
    });

    it('refuses an absolute target with an authority that is none, and one without or with two Hosts', async () => {
      for (const bytes of [
        'POST http://user@x/target HTTP/1.1\r\nHost: x\r\n\r\n',
        'POST http:///target HTTP/1.1\r\nHost: x\r\n\r\n',
        'POST ftp://x/target HTTP/1.1\r\nHost: x\r\n\r\n',
        'POST x:80 HTTP/1.1\r\nHost: x\r\n\r\n',
        'POST http://x/target HTTP/1.1\r\n\r\n',
        'POST http://x/target HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n',
      ]) {
        expect(await sent(bytes + FOLLOWER), bytes).to.equal('400 MALFORMED_REQUEST');
        expect(executed, bytes).to.deep.equal([]);
      }
    });
  }

  it('responds with a problem document, and closes', async () => {
    expect(await sent(untrusted['an empty Content-Length']!)).to.equal('400 MALFORMED_REQUEST');
    expect(await sent(untrusted['both, length first']!)).to.match(/^400/);
    expect(await sent(untrusted['an unknown method']!)).to.equal('501 METHOD_UNKNOWN');
    expect(await sent(untrusted['a header over the limit']!)).to.equal('431 HEADERS_TOO_LARGE');
    expect(await sent(untrusted['a URL over the limit']!)).to.equal('414 URL_TOO_LONG');
  });

  it('executes nothing behind a chunked body, however late it comes', async () => {
    const chunked = (path: string, body: string) =>
      `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
    for (const path of ['/read', '/mirror']) {
      const wire = await Wire.open(url);
      wire.write(chunked(path, '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'));
      const answer = await wire.response();
      expect([answer?.status, String(answer?.body), answer?.closes], path).to.deep.equal([
        200,
        'abcde',
        true,
      ]);
      wire.destroy();
    }
    for (const path of ['/read', '/mirror', '/target', '/nothing', '/streamed', '/nowhere']) {
      executed = [];
      const wire = await Wire.open(url);
      wire.write(chunked(path, '0\r\n\r\n'));
      const answer = await wire.response();
      expect(answer?.closes, path).to.equal(true);
      wire.write(FOLLOWER);
      await sent('GET /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      expect(executed, path).to.not.include('/evil');
      wire.destroy();
      executed = [];
      await sent(chunked(path, '0\r\n\r\n') + FOLLOWER);
      expect(executed, `${path}, one packet`).to.not.include('/evil');
    }
  }).timeout(60_000);

  it('may refuse chunked bodies per route', async () => {
    const bytes = 'POST /no-chunks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
    expect(await sent(bytes)).to.equal('411 LENGTH_REQUIRED');
  });

  it('does not execute what follows a request that may have a body but announces no length', async () => {
    // A field with an empty name hides the length behind it from the server; a proxy in front may have read
    // it.
    await sent(`${post(': hides', `Content-Length: ${FOLLOWER.length}`)}${FOLLOWER}`);
    expect(executed).to.not.include('/evil');
  });

  it('keeps the connection after a request with no body where one could be', async () => {
    const wire = await Wire.open(url);
    expect((await wire.request('POST', '/target'))?.status).to.equal(200);
    expect((await wire.request('GET', '/ok'))?.status).to.equal(200);
    wire.destroy();
  });

  it('keeps the connection behind a response in pieces with an unread body', async () => {
    const wire = await Wire.open(url);
    expect((await wire.request('POST', '/streamed', [], 'short'))?.body.toString()).to.equal('ab');
    expect((await wire.request('GET', '/ok'))?.status).to.equal(200);
    wire.destroy();
  });

  it('announces the end of the connection on a response that is sent before the end of a body', async () => {
    const wire = await Wire.open(url);
    wire.write(`${post('Content-Length: 70000').replace('/target', '/streamed')}abc`);
    while (!wire.rest.includes('b')) await settled();
    expect(wire.rest).to.match(/\r\nconnection: close\r\n/i);
    wire.destroy();
  });

  it('keeps the connection, or announces its end, on a response in pieces before a short body', async () => {
    const wire = await Wire.open(url);
    wire.write(`${post('Content-Length: 6').replace('/target', '/streamed')}abc`);
    const answer = await wire.response();
    // uWebSockets.js would lose the end of a body that is not read from the beginning.
    const closes = { uws: true, node: false }[core.name];
    expect([answer?.body.toString(), answer?.closes]).to.deep.equal(['ab', closes]);
    if (!closes) {
      wire.write('def');
      expect((await wire.request('GET', '/ok'))?.body.toString()).to.equal('ok');
    }
    wire.destroy();
  });

  it('executes nothing behind a request with `Connection: close`, in its packet or later', async () => {
    for (const wish of ['close', 'Close', 'keep-alive, close']) {
      for (const first of [
        `GET /ok HTTP/1.1\r\nHost: x\r\nConnection: ${wish}\r\n\r\n`,
        `${post(`Connection: ${wish}`, 'Content-Length: 3')}abc`,
        `GET /stream HTTP/1.1\r\nHost: x\r\nConnection: ${wish}\r\n\r\n`,
      ]) {
        executed = [];
        await sent(first + FOLLOWER + FOLLOWER);
        await sent(first, FOLLOWER);
        expect(executed, JSON.stringify(first)).to.not.include('/evil');
      }
    }
  });

  it('closes when the client requests it, in every spelling', async () => {
    for (const wish of ['close', 'Close', 'keep-alive, close', 'close, te']) {
      expect(await sent(`GET /ok HTTP/1.1\r\nHost: x\r\nConnection: ${wish}\r\n\r\n`), wish).to.equal('200');
    }
  });
});
