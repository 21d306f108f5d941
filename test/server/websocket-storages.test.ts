// What a callback of a WebSocket enters in a storage of its service (AsyncLocalStorage), and the scope of the
// request that has opened the socket, are not seen by other callbacks.
import { AsyncLocalStorage } from 'node:async_hooks';
import { expect } from 'chai';
import { currentScope } from '#src/scope.js';
import type { HttpServer } from '#src/server/http-core.js';
import type { ServerWebSocket } from '#src/server/websocket/websocket.js';
import { frame, HANDSHAKE, OPCODE, openRaw } from '#test/support/frames.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { bench, latch, settled } from './kit.js';

const BIG = Buffer.alloc(64 * 1024);

onCores('a storage that a callback of a WebSocket has entered', (core) => {
  const tenants = new AsyncLocalStorage<string>();
  let server: HttpServer;
  let url: string;
  let seen: string[] = [];
  let drained = latch<void>();
  let closed = latch<void>();
  let held: ServerWebSocket | undefined;

  /** Notes what is seen, and enters a store of its own. */
  const note = (where: string): void => {
    const scope = currentScope()?.template;
    seen.push(`${where}: ${tenants.getStore()} ${scope}`);
    tenants.enterWith(where);
  };

  before(async () => {
    const world = bench((app) => {
      app.ws('/noting', {
        async upgrade() {
          await settled();
          tenants.enterWith('upgrade');
        },
        // On the stack of its request where that becomes a socket late.
        open(ws) {
          seen.push(`open: ${tenants.getStore()} undefined`);
          tenants.enterWith('open');
          held = ws;
        },
        message(ws, data) {
          note(String(data));
          ws.send(data);
        },
        drain() {
          note('drain');
          drained.open(undefined);
        },
        close() {
          note('close');
          closed.open(undefined);
        },
      });
    });
    world.tracing.enabled = false;
    server = core.serverOf(world.app);
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  beforeEach(() => {
    seen = [];
    drained = latch<void>();
    closed = latch<void>();
  });
  after(() => server.close());

  const said = (...texts: readonly string[]): Buffer =>
    Buffer.concat(texts.map((one) => frame(OPCODE.text, one)));
  const count = (length: number): Promise<number> =>
    until(
      () => seen.length,
      (found) => found >= length,
    );

  it('is empty for the next message of the same packet, of another one, and of another socket', async () => {
    const wire = await openRaw(url, '/noting');
    await count(1);
    wire.write(said('a', 'b'));
    await count(3);
    const other = await openRaw(url, '/noting');
    other.write(said('x'));
    await count(5);
    wire.write(said('c', 'd'));
    await count(7);
    for (const one of [wire, other]) one.destroy();
    await count(9);
    const events = ['open', 'a', 'b', 'open', 'x', 'c', 'd', 'close', 'close'];
    expect(seen).to.deep.equal(events.map((event) => `${event}: ${undefined} ${undefined}`));
  });

  // uWebSockets.js takes them for another request when the upgrade is late.
  if (core.name === 'node')
    it('is empty for messages that came with the handshake, which follow `open`', async () => {
      const wire = await Wire.open(url);
      const response = wire.response();
      const head = ['GET /noting HTTP/1.1', 'Host: test', ...HANDSHAKE].join('\r\n');
      wire.write(Buffer.concat([Buffer.from(`${head}\r\n\r\n`), said('first', 'second')]));
      expect((await response)!.status).to.equal(101);
      await count(3);
      wire.destroy();
      expect(seen.slice(0, 3)).to.deep.equal(
        ['open', 'first', 'second'].map((event) => `${event}: ${undefined} ${undefined}`),
      );
      await closed.opened;
    });

  it('is empty for `drain` and `close`, whatever context has sent the message or cut the socket', async () => {
    const wire = await openRaw(url, '/noting');
    await count(1);
    wire.pause();
    tenants.run('test', () => {
      while (held!.send(BIG) !== 'buffered');
    });
    wire.resume();
    await drained.opened;
    tenants.run('test', () => held!.terminate());
    await closed.opened;
    expect(seen.filter((one) => one.startsWith('drain'))[0]).to.equal(`drain: ${undefined} ${undefined}`);
  });
});
