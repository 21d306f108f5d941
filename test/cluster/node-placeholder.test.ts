// The primary's listener on `node:http`: what becomes of its connections.
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import { NodePlaceholder } from '#src/cluster/node-placeholder.js';
import type { CountedPlaceholderOptions } from '#src/cluster/placeholder-listener.js';
import { makeCertificate, needsOpenssl } from '#test/support/certificate.js';
import { newDataDir } from '#test/support/cluster.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { UNCOUNTED } from './uncounted.js';

const HOST = '127.0.0.1';
const HOUR_MS = 3_600_000;
const LONG = { lifeMs: HOUR_MS, restMs: HOUR_MS };
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

describe('the connections of the primary on the core node, while no worker listens', () => {
  const open: { destroy(): void }[] = [];
  afterEach(() => {
    for (const one of open.splice(0)) one.destroy();
  });

  const listening = async (
    times = LONG,
    connections: CountedPlaceholderOptions['connections'] = UNCOUNTED,
  ): Promise<{ readonly placeholder: NodePlaceholder; readonly port: number }> => {
    const files = { tlsCertFile: undefined, tlsKeyFile: undefined };
    const placeholder = new NodePlaceholder({ host: HOST, ...files, connections }, times);
    open.push({ destroy: () => placeholder.close() });
    return { placeholder, port: await placeholder.listen(0, 'exclusive') };
  };
  /** A connection that has sent this much. */
  const client = (port: number, sent = ''): Socket => {
    const socket = connect(port, HOST);
    socket.on('error', () => undefined);
    socket.write(sent);
    open.push(socket);
    return socket;
  };
  /** Everything that arrives until the connection is closed. */
  const received = (socket: Socket): Promise<string> => text(socket).catch(() => 'reset');

  it('get one response, with its length, and are closed', async () => {
    const { port } = await listening();
    const [head = '', body = ''] = (await received(client(port, GET))).split('\r\n\r\n');
    expect(head).to.match(/^HTTP\/1\.1 503 /);
    expect(head).to.match(new RegExp(`^content-length: ${body.length}\r$`, 'im'));
    expect(head).to.match(/^connection: close\r?$/im);
    expect(JSON.parse(body)).to.include({ code: 'NO_WORKER', status: 503 });
  });

  it('get no body in response to HEAD, but its length', async () => {
    const { port } = await listening();
    const response = await received(client(port, GET.replace('GET', 'HEAD')));
    expect(response).to.match(/^HTTP\/1\.1 503 [\s\S]*content-length: [1-9][\s\S]*\r\n\r\n$/i);
  });

  for (const field of ['', 'Expect: 100-continue\r\n', 'Expect: more\r\n'])
    it(`get their response when they send a large body before they read: ${field.trim()}`, async () => {
      const { port } = await listening();
      const socket = client(port);
      const body = Buffer.alloc(5_000_000);
      const sent = new Promise<Error | null | undefined>((resolve) => {
        socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n${field}\r\n`);
        socket.pause().write(body, resolve);
      });
      expect(await sent).to.be.oneOf([null, undefined]);
      expect(await received(socket)).to.match(/^HTTP\/1\.1 503 /);
    });

  it('get their response to CONNECT and to a request for another protocol as well', async () => {
    const { port } = await listening();
    const upgrade = GET.replace('\r\n\r\n', '\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    for (const sent of ['CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', upgrade])
      expect(await received(client(port, sent))).to.match(/^HTTP\/1\.1 503 [\s\S]*NO_WORKER/);
  });

  it('are not asked for a body first', async () => {
    const { port } = await listening();
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n';
    expect(await received(client(port, head))).to.match(/^HTTP\/1\.1 503 /);
  });

  for (const [what, sent] of [
    ['nothing', ''],
    ['the beginning of a request', GET.slice(0, 8)],
  ] as const) {
    it(`are closed after a while when the client has sent ${what}`, async () => {
      const { port } = await listening({ ...LONG, lifeMs: 20 });
      expect(await received(client(port, sent))).to.equal('');
    });

    it(`do not outlive the listener when the client has sent ${what}`, async () => {
      const { placeholder, port } = await listening({ ...LONG, restMs: 20 });
      const socket = client(port, sent);
      await once(socket, 'connect');
      // The connection after it was accepted, so it was as well.
      await received(client(port, GET));
      placeholder.stopListening();
      expect(await received(socket)).to.equal('');
    });
  }

  it('get their response although the listener is closed before the request is complete', async () => {
    const { placeholder, port } = await listening();
    const socket = client(port, GET.slice(0, 8));
    await once(socket, 'connect');
    await received(client(port, GET));
    placeholder.stopListening();
    socket.write(GET.slice(8));
    expect(await received(socket)).to.match(/^HTTP\/1\.1 503 [\s\S]*connection: close\r\n/i);
  });

  it('count among those of the process, whose bound holds for them as well', async () => {
    let left = 1;
    const connections = {
      enter: () => left > 0 && left-- > 0,
      leave: () => {
        left += 1;
      },
    };
    const { port } = await listening(LONG, connections);
    const first = client(port);
    await until(
      () => left,
      (free) => free === 0,
    );
    expect(await received(client(port, GET))).to.not.include('HTTP');
    first.destroy();
    await until(
      () => left,
      (free) => free === 1,
    );
    expect(await received(client(port, GET))).to.match(/^HTTP\/1\.1 503 /);
  });

  it('are closed over TLS as well, also when the client has not begun its handshake', async function () {
    needsOpenssl(this);
    const folder = newDataDir();
    open.push({ destroy: () => rmSync(folder, { recursive: true }) });
    const { certFile, keyFile, ca } = makeCertificate(folder, 'one');
    const placeholder = new NodePlaceholder(
      { host: HOST, tlsCertFile: certFile, tlsKeyFile: keyFile, connections: UNCOUNTED },
      { ...LONG, restMs: 20 },
    );
    open.push({ destroy: () => placeholder.close() });
    const port = await placeholder.listen(0, 'exclusive');
    const plain = client(port);
    const secure = connectTls({ host: HOST, port, ca });
    open.push(secure);
    await once(secure, 'secureConnect');
    const wire = await Wire.open(`https://${HOST}:${port}`, ca);
    expect(await wire.request('GET', '/')).to.include({ status: 503, closes: true });
    placeholder.stopListening();
    expect(await Promise.all([plain, secure].map(received))).to.deep.equal(['', '']);
  });

  it('have the certificate of before, over TLS, while its files hold none', async function () {
    needsOpenssl(this);
    const folder = newDataDir();
    open.push({ destroy: () => rmSync(folder, { recursive: true }) });
    const { certFile, keyFile, ca } = makeCertificate(folder, 'one');
    const placeholder = new NodePlaceholder({
      ...{ host: HOST, tlsCertFile: certFile, tlsKeyFile: keyFile, connections: UNCOUNTED },
    });
    open.push({ destroy: () => placeholder.close() });
    const port = await placeholder.listen(0, 'exclusive');
    for (const spoil of [() => writeFileSync(certFile, 'half a'), () => rmSync(keyFile)]) {
      placeholder.stopListening();
      spoil();
      await placeholder.listen(port, 'exclusive');
      const wire = await Wire.open(`https://${HOST}:${port}`, ca);
      expect(await wire.request('GET', '/')).to.include({ status: 503 });
      wire.destroy();
    }
  });
});
