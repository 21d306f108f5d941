// The requests that may open a WebSocket (RFC 6455 section 4.2.1), and pages of other web sites.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { UnavailableError } from '#src/errors.js';
import type { HttpServer } from '#src/server/http-core.js';
import { HANDSHAKE } from '#test/support/frames.js';
import { WebSocketClient } from '#test/support/websocket-client.js';
import { Wire, type WireResponse } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, latch, settled } from './kit.js';

const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
const [UPGRADE, CONNECTION, VERSION] = HANDSHAKE;

const refused: readonly (readonly [string, string, readonly string[], number, string])[] = [
  ['a plain GET', '/chat', [], 426, 'UPGRADE_REQUIRED'],
  ['no Upgrade', '/chat', [CONNECTION, VERSION, KEY], 426, 'UPGRADE_REQUIRED'],
  ['another upgrade', '/chat', ['Upgrade: h2c', CONNECTION, VERSION, KEY], 426, 'UPGRADE_REQUIRED'],
  ['a connection without the token', '/chat', [UPGRADE, VERSION, KEY], 426, 'UPGRADE_REQUIRED'],
  ['no version', '/chat', [UPGRADE, CONNECTION, KEY], 426, 'UPGRADE_REQUIRED'],
  ['version 8', '/chat', [UPGRADE, CONNECTION, 'Sec-WebSocket-Version: 8', KEY], 426, 'UPGRADE_REQUIRED'],
  ['no key', '/chat', [UPGRADE, CONNECTION, VERSION], 400, 'MALFORMED_REQUEST'],
  [
    'a short key',
    '/chat',
    [UPGRADE, CONNECTION, VERSION, 'Sec-WebSocket-Key: YQ=='],
    400,
    'MALFORMED_REQUEST',
  ],
  [
    'a key that is no base64',
    '/chat',
    [UPGRADE, CONNECTION, VERSION, 'Sec-WebSocket-Key: ????????????????????????'],
    400,
    'MALFORMED_REQUEST',
  ],
  ['two keys', '/chat', [...HANDSHAKE, KEY], 400, 'MALFORMED_REQUEST'],
  ['a body', '/chat', [...HANDSHAKE, 'Content-Length: 5'], 400, 'MALFORMED_REQUEST'],
  ['a chunked body', '/chat', [...HANDSHAKE, 'Transfer-Encoding: chunked'], 400, 'MALFORMED_REQUEST'],
  ['a page of another web site', '/chat', [...HANDSHAKE, 'Origin: https://evil.example'], 403, 'CROSS_SITE'],
  ['one on another port', '/chat', [...HANDSHAKE, 'Origin: http://test:81'], 403, 'CROSS_SITE'],
  ['a page without an origin', '/chat', [...HANDSHAKE, 'Origin: null'], 403, 'CROSS_SITE'],
  ['two origins', '/chat', [...HANDSHAKE, 'Origin: http://test', 'Origin: http://test'], 403, 'CROSS_SITE'],
  ['a page that is not listed', '/listed', [...HANDSHAKE, 'Origin: http://test'], 403, 'CROSS_SITE'],
  ['a hook that throws', '/members', [...HANDSHAKE], 401, 'UNAUTHORIZED'],
  ['an upgrade that throws later', '/later', [...HANDSHAKE], 503, 'OVERLOADED'],
  ['a path that no route has', '/nothing', [...HANDSHAKE], 404, 'ROUTE_NOT_FOUND'],
  ['a parameter that the expression excludes', '/room/abc', [...HANDSHAKE], 404, 'ROUTE_NOT_FOUND'],
  ['a path that is no UTF-8', '/room/%ff', [...HANDSHAKE], 400, 'MALFORMED_REQUEST'],
];

const admitted: readonly (readonly [string, string, readonly string[]])[] = [
  ['without an origin', '/chat', []],
  ['of the same host', '/chat', ['Origin: http://test']],
  ['of the same host behind TLS', '/chat', ['Origin: https://test']],
  ['that is listed', '/listed', ['Origin: https://app.example']],
  ['of anywhere where all are', '/open', ['Origin: https://evil.example']],
  ['whose upgrade takes a while', '/later', ['X-Ok: 1']],
];

onCores('the handshake of a WebSocket', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  let hooked: number;
  let opened: unknown[];
  let waiting: ReturnType<typeof latch<void>>;
  let agreed: ReturnType<typeof latch<void>>;

  before(async () => {
    world = bench((app) => {
      app.hook('onRequest', () => {
        hooked++;
      });
      const open = (ws: { data: unknown }): void => void opened.push(ws.data);
      app.ws('/chat', { open });
      app.ws('/listed', { open, origins: ['https://app.example'] });
      app.ws('/open', { open, origins: '*' });
      app.ws('/spoken', { open, protocols: ['v2', 'v1'] });
      app.ws('/later', {
        async upgrade(ctx) {
          await settled();
          if (!ctx.headers.has('x-ok')) throw new UnavailableError('OVERLOADED', 'No.');
          return 'later';
        },
        open,
      });
      app.ws('/waits', {
        async upgrade() {
          waiting.open();
          await agreed.opened;
        },
        open,
      });
      app.ws('/answers', { upgrade: (ctx) => ctx.status(202).json({ later: true }), open });
      app.ws('/cookie', { upgrade: (ctx) => void ctx.header('set-cookie', 'a=1'), open });
      app.ws('/room/:id(\\d+)', { upgrade: (ctx) => ctx.params.id, open });
      app.ws('/room/main', { upgrade: () => 'main', open });
      app.group('/members', (members) => {
        members.hook('preHandler', (ctx) => {
          if (!ctx.headers.has('authorization')) return ctx.status(401).json({ code: 'UNAUTHORIZED' });
          ctx.state.user = 'ada';
        });
        members.ws('/', { upgrade: (ctx) => ctx.state.user, open });
      });
    });
    server = core.serverOf(world.app);
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  beforeEach(() => {
    hooked = 0;
    opened = [];
    waiting = latch();
    agreed = latch();
    world.world.draining = false;
  });
  after(() => server.close());

  const ask = async (path: string, fields: readonly string[]): Promise<WireResponse> => {
    const wire = await Wire.open(url);
    const answer = await wire.request('GET', path, fields);
    wire.destroy();
    return answer!;
  };

  for (const [what, path, fields, status, code] of refused) {
    it(`refuses ${what}: ${status} ${code}`, async () => {
      const { status: given, body } = await ask(path, fields);
      expect(given).to.equal(status);
      expect(JSON.parse(body.toString())).to.include({ code });
      expect(opened).to.deep.equal([]);
      expect(server.unfinished).to.equal(0);
    });
  }

  for (const [what, path, fields] of admitted) {
    it(`admits a request ${what}`, async () => {
      const answer = await ask(path, [...HANDSHAKE, ...fields]);
      expect(answer.status).to.equal(101);
      expect(answer.headers['sec-websocket-accept']).to.equal('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
      expect(answer.headers['x-request-id']).to.match(/./);
      expect(answer.headers).to.not.have.property('sec-websocket-extensions');
    });
  }

  it('names the supported version with 426', async () => {
    const { headers } = await ask('/chat', []);
    expect(headers).to.include({ 'sec-websocket-version': '13', upgrade: 'websocket' });
    expect(headers.connection).to.match(/upgrade/i);
  });

  it('runs no code of the service for a page of another web site', async () => {
    await ask('/chat', [...HANDSHAKE, 'Origin: https://evil.example']);
    expect(hooked).to.equal(0);
    await ask('/chat', HANDSHAKE);
    expect(hooked).to.equal(1);
  });

  it('passes the results of hooks and upgrade to the socket', async () => {
    await ask('/members', [...HANDSHAKE, 'Authorization: Bearer x']);
    await ask('/room/7', HANDSHAKE);
    await ask('/room/main', HANDSHAKE);
    expect(opened).to.deep.equal(['ada', '7', 'main']);
  });

  it('sends a response that upgrade makes instead', async () => {
    const { status, body } = await ask('/answers', HANDSHAKE);
    expect([status, body.toString()]).to.deep.equal([202, '{"later":true}']);
    expect(opened).to.deep.equal([]);
  });

  it('sends the fields that the upgrade has set', async () => {
    expect((await ask('/cookie', HANDSHAKE)).headers['set-cookie']).to.equal('a=1');
  });

  it('chooses the first of our subprotocols that the client offers', async () => {
    const client = await WebSocketClient.connect(`${url}/spoken`, { protocols: ['v1', 'v2', 'v3'] });
    expect(client.socket.protocol).to.equal('v2');
    client.destroy();
    const none = await ask('/spoken', [...HANDSHAKE, 'Sec-WebSocket-Protocol: v9']);
    expect(none.status).to.equal(101);
    expect(none.headers).to.not.have.property('sec-websocket-protocol');
  });

  it('is counted as a response 101 of the route', async () => {
    const before = world.observer.seen.length;
    await ask('/chat', HANDSHAKE);
    expect(world.observer.seen.slice(before)).to.containSubset([
      { method: 'GET', template: '/chat', status: 101, error: undefined },
    ]);
    expect(world.app.inFlight).to.equal(0);
  });

  it('opens no socket for a client that has left meanwhile', async () => {
    const wire = await Wire.open(url);
    const before = world.observer.seen.length;
    void wire.request('GET', '/later', [...HANDSHAKE, 'X-Ok: 1']);
    wire.destroy();
    await world.observer.ended(before + 1);
    await settled();
    const status = world.observer.seen[before]?.status;
    // In either order: a request that counted as 499 opens no socket.
    expect(opened.length).to.equal(status === 499 ? 0 : 1);
  });

  for (const how of ['ends', 'destroys'] as const)
    it(`notices that its client ${how} the connection while a hook waits`, async () => {
      const before = world.observer.seen.length;
      const socket = connect(Number(new URL(url).port));
      socket.on('error', () => undefined);
      socket.write(`GET /waits HTTP/1.1\r\nHost: x\r\n${HANDSHAKE.join('\r\n')}\r\n\r\n`);
      await waiting.opened;
      socket[how === 'ends' ? 'end' : 'destroy']();
      await world.observer.ended(before + 1);
      expect(world.observer.seen[before]).to.include({ status: 499, error: 'CLIENT_CLOSED' });
      agreed.open();
      await settled();
      expect([world.app.inFlight, opened]).to.deep.equal([0, []]);
      socket.destroy();
    });

  it('opens no socket while the worker drains: 503 DRAINING', async () => {
    world.world.draining = true;
    const { status, body, closes, headers } = await ask('/chat', HANDSHAKE);
    expect([status, closes, headers['retry-after']]).to.deep.equal([503, true, '1']);
    expect(JSON.parse(body.toString())).to.include({ code: 'DRAINING' });
  });

  it('prints nothing to the console, however late the handshake is', async () => {
    const entry = fileURLToPath(new URL('./late-upgrades.js', import.meta.url));
    const folder = mkdtempSync(join(tmpdir(), 'multilane-late-'));
    try {
      const env = { ...process.env, TMPDIR: folder };
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [entry, core.name], { env });
      expect([stdout, stderr]).to.deep.equal(['50 of 50', '']);
      expect(readdirSync(folder)).to.deep.equal([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('forgets a connection when it is gone', async () => {
    const client = await WebSocketClient.connect(`${url}/chat`);
    const before = server.connections;
    client.socket.close(1000);
    await client.closed();
    expect(server.connections).to.equal(before - 1);
  });
});
