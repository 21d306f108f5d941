// Open WebSockets, as an independent client sees them.
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { expect } from 'chai';
import type { HttpServer } from '#src/server/http-core.js';
import type { ServerWebSocket } from '#src/server/websocket/websocket.js';
import { UNREADABLE_VALUES } from '#test/support/unreadable-values.js';
import { type ConnectOptions, WebSocketClient } from '#test/support/websocket-client.js';
import { onCores } from './cores.js';
import { type Bench, bench, latch, settled } from './kit.js';

const tenants = new AsyncLocalStorage<string>();
const CHUNK = Buffer.alloc(64 * 1024, 'x');

const ODD_VALUES: Readonly<Record<string, () => { readonly value: unknown; readonly isLate: boolean }>> =
  Object.fromEntries(
    Object.entries(UNREADABLE_VALUES).flatMap(([name, make]) => [
      [name, () => ({ value: make(), isLate: false })],
      [`a promise of ${name}`, () => ({ value: make(), isLate: true })],
    ]),
  );

onCores('a WebSocket', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  let closes: { code: number; reason: string }[];
  let closed: ReturnType<typeof latch<void>>;
  let publish: (topic: string, data: string | Uint8Array) => void;
  let held: ServerWebSocket | undefined;
  let kept: (string | undefined)[] = [];
  const clients: WebSocketClient[] = [];

  before(async () => {
    const close = (_ws: unknown, code: number, reason: string): void => {
      closes.push({ code, reason });
      closed.open(undefined);
    };
    const open = (ws: ServerWebSocket): void => {
      held = ws;
    };
    world = bench((app) => {
      publish = (topic, data) => app.publish(topic, data);
      app.ws('/echo', {
        maxPayload: 1000,
        open,
        message: (ws, data, isBinary) => void ws.send(data, isBinary),
        close,
      });
      app.ws('/chat/:room', {
        upgrade: (ctx) => ({ name: ctx.query.get('name') ?? '' }),
        open(ws) {
          ws.subscribe(ws.params.room!);
          ws.send(`welcome ${ws.data.name}`);
        },
        message(ws, data, isBinary) {
          if (data === 'leave') ws.unsubscribe(ws.params.room!);
          ws.publish(ws.params.room!, data, isBinary);
          if (data === 'leave') ws.send(String(ws.isSubscribed(ws.params.room!)));
        },
        close(ws, code) {
          ws.publish(ws.params.room!, `${ws.data.name} left with ${code}`);
        },
      });
      app.ws('/throws', {
        open(ws) {
          if (ws.requestId === 'in-open') throw new Error('in open');
        },
        message(_ws, data) {
          throw new Error(`in message ${String(data)}`);
        },
        close(_ws, code) {
          close(_ws, code, '');
          throw new Error('in close');
        },
      });
      app.ws('/leaves', {
        message(ws) {
          tenants.enterWith('mine');
          ws.close(1000);
          kept = [tenants.getStore()];
        },
        close,
      });
      app.ws('/throws-odd', {
        message: (_ws, data) => {
          const thrown = ODD_VALUES[String(data)]!();
          if (thrown.isLate) return Promise.reject(thrown.value);
          throw thrown.value;
        },
      });
      app.ws('/rejects', {
        async message() {
          await settled();
          throw new Error('later');
        },
        close,
      });
      app.ws('/running/:id', { message: (ws) => void ws.send(`${world.app.runningWebSocket()?.route}`) });
      app.ws('/says/:code', {
        message: (ws, data) => ws.close(Number(ws.params.code), String(data)),
        close,
      });
      app.ws('/behind', { maxBackpressure: 200_000, open, close });
      app.ws('/drops', {
        maxBackpressure: 200_000,
        onBackpressureLimit: 'drop',
        open,
        drain(ws) {
          if (ws.bufferedBytes === 0) closed.open(undefined);
        },
        close,
      });
      app.ws('/deflate', {
        perMessageDeflate: true,
        maxPayload: 10_000,
        message: (ws, data, isBinary) => void ws.send(data, isBinary),
        close,
      });
    });
    server = core.serverOf(world.app);
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  beforeEach(() => {
    closes = [];
    closed = latch<void>();
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.destroy();
  });
  after(() => server.close());

  const connect = async (path: string, options?: ConnectOptions): Promise<WebSocketClient> => {
    const client = await WebSocketClient.connect(url + path, options);
    clients.push(client);
    return client;
  };
  /** A subscriber of a chat that has received its welcome. */
  const member = async (room: string, name: string): Promise<WebSocketClient> => {
    const client = await connect(`/chat/${room}?name=${name}`);
    expect(await client.next()).to.equal(`welcome ${name}`);
    return client;
  };

  it('shows by its template which callback runs', async () => {
    const client = await connect('/running/7');
    client.send('?');
    expect(await client.next()).to.equal('/running/{id}');
    expect(world.app.runningWebSocket()).to.equal(undefined);
  });

  it('sends text as text and bytes as bytes', async () => {
    const client = await connect('/echo');
    client.send('grüße');
    client.send(Buffer.from([0, 255]));
    client.send('');
    expect(await client.next()).to.equal('grüße');
    expect(await client.next()).to.deep.equal(Buffer.from([0, 255]));
    expect(await client.next()).to.equal('');
  });

  it('publishes to all subscribers but the sender, in order', async () => {
    const [ada, bob, eve] = [await member('a', 'ada'), await member('a', 'bob'), await member('b', 'eve')];
    for (let n = 0; n < 50; n++) ada.send(String(n));
    for (let n = 0; n < 50; n++) expect(await bob.next()).to.equal(String(n));
    publish('a', 'to all');
    publish('b', Buffer.from('bytes'));
    expect(await bob.next()).to.equal('to all');
    expect(await ada.next()).to.equal('to all');
    expect(await eve.next()).to.deep.equal(Buffer.from('bytes'));
  });

  it('receives nothing of a topic that it has left', async () => {
    const [ada, bob] = [await member('a', 'ada'), await member('a', 'bob')];
    bob.send('leave');
    expect(await bob.next()).to.equal('false');
    expect(await ada.next()).to.equal('leave');
    ada.send('gone?');
    publish('a', 'gone?');
    expect(await ada.next()).to.equal('gone?');
    expect(bob.messages).to.deep.equal(['welcome bob', 'false']);
  });

  it('receives nothing of a topic of another service', async () => {
    const ada = await member('news', 'ada');
    let other: (topic: string, data: string) => void = () => {};
    world.app.mount('other', (app) => {
      other = (topic, data) => app.publish(topic, data);
    });
    other('news', 'not for you');
    publish('news', 'for you');
    expect(await ada.next()).to.equal('for you');
  });

  it('may publish in its close callback', async () => {
    const [ada, bob] = [await member('a', 'ada'), await member('a', 'bob')];
    bob.socket.close(4000);
    expect(await ada.next()).to.equal('bob left with 4000');
  });

  it('rejects a message that other workers could not read', async () => {
    await connect('/echo');
    const ws = held!;
    let toAll: (...message: never[]) => void = () => {};
    world.app.mount('rejecting', (app) => {
      toAll = (...message) => app.publish(...(message as unknown as [string, string, boolean]));
    });
    for (const [data, isBinary] of [
      ...['text', Buffer.from('bytes')].flatMap((data) =>
        [0, 1, 'true', null, {}].map((flag) => [data, flag]),
      ),
      ...[5, null, undefined, {}, new Uint16Array(2), new ArrayBuffer(2)].map((data) => [data, true]),
    ]) {
      const message = [data, isBinary] as never[];
      expect(() => toAll('topic' as never, ...message)).to.throw(TypeError);
      expect(() => ws.publish('topic', ...(message as unknown as [string]))).to.throw(TypeError);
      expect(() => ws.send(...(message as unknown as [string]))).to.throw(TypeError);
    }
  });

  it('does nothing once it is closed', async () => {
    const client = await connect('/echo');
    const ws = held!;
    expect(ws.isOpen).to.equal(true);
    client.socket.close(1000, 'done');
    expect(await client.closed()).to.deep.equal({ code: 1000, reason: 'done' });
    await closed.opened;
    expect(closes).to.deep.equal([{ code: 1000, reason: 'done' }]);
    expect(ws.isOpen).to.equal(false);
    expect(ws.send('late')).to.equal('dropped');
    ws.subscribe('a');
    ws.ping();
    ws.close();
    ws.terminate();
    expect([ws.isSubscribed('a'), ws.bufferedBytes]).to.deep.equal([false, 0]);
  });

  for (const code of [1000, 1001, 1008, 1011, 1013, 3000, 4999]) {
    it(`closes with ${code} and its reason`, async () => {
      const client = await connect(`/says/${code}`);
      client.send('because');
      expect(await client.closed()).to.deep.equal({ code, reason: 'because' });
      await closed.opened;
      expect(closes.map((one) => one.code)).to.deep.equal([code]);
    });
  }

  for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000]) {
    it(`refuses to send ${code}, which fails the callback: 1011`, async () => {
      const client = await connect(`/says/${code}`);
      client.send('because');
      expect((await client.closed()).code).to.equal(1011);
    });
  }

  it('leaves the callback that closes it the stores that it has entered', async () => {
    const client = await connect('/leaves');
    client.send('bye');
    await client.closed();
    expect(kept).to.deep.equal(['mine']);
  });

  it('refuses a reason that is too long', async () => {
    const client = await connect('/says/1000');
    client.send('ü'.repeat(62));
    expect((await client.closed()).code).to.equal(1011);
  });

  for (const [what, path, headers, lines] of [
    ['open', '/throws', { 'x-request-id': 'in-open' }, ['in open', 'in close']],
    ['message', '/throws', {}, ['in message hi', 'in close']],
    ['a promise of message', '/rejects', {}, ['later']],
  ] as const) {
    it(`that fails in ${what} is closed with 1011, and that is logged`, async () => {
      const logged = world.logs.length;
      const client = await connect(path, { headers });
      if (what !== 'open') client.send('hi');
      expect(await client.closed()).to.deep.equal({ code: 1011, reason: '' });
      const told = world.logs.slice(logged) as { err: { message: string }; route: string; msg: string }[];
      expect(told.map(({ err }) => err.message)).to.deep.equal(lines);
      expect(new Set(told.map(({ route, msg }) => `${route} ${msg}`))).to.deep.equal(
        new Set([`${path} a WebSocket callback failed`]),
      );
    });
  }

  for (const name of Object.keys(ODD_VALUES)) {
    it(`whose callback throws ${name} is closed with 1011, and its span ends with a short name`, async () => {
      const ended = world.tracing.ended.length;
      const client = await connect('/throws-odd');
      client.send(name);
      expect(await client.closed()).to.deep.equal({ code: 1011, reason: '' });
      const types = world.tracing.ended
        .slice(ended)
        .flatMap(({ error }) => (error === undefined ? [] : [error]));
      expect(types).to.have.length(1);
      expect(types[0]).to.match(/^\w{1,64}$/);
    });
  }

  it('refuses a message that is too big with 1009', async () => {
    const client = await connect('/echo');
    client.send('x'.repeat(1000));
    expect(await client.next()).to.have.length(1000);
    client.send('x'.repeat(1001));
    expect((await client.closed()).code).to.equal(1009);
    await closed.opened;
    expect(closes.map(({ code }) => code)).to.deep.equal([1009]);
  });

  it('answers pings, and sends its own', async () => {
    const client = await connect('/echo');
    const pong = once(client.socket, 'pong');
    client.socket.ping('are you there');
    expect(String((await pong)[0])).to.equal('are you there');
    const ping = once(client.socket, 'ping');
    held!.ping('you?');
    expect(String((await ping)[0])).to.equal('you?');
    expect(() => held!.ping('x'.repeat(126))).to.throw(RangeError);
  });

  it('that reads too slowly is cut, and takes no more memory than its limit', async () => {
    const client = await connect('/behind');
    client.socket.pause();
    const results = new Set<string>();
    let most = 0;
    // The kernel buffers some megabytes by itself.
    for (let n = 0; n < 1000 && held!.isOpen; n++) {
      results.add(held!.send(CHUNK));
      most = Math.max(most, held!.bufferedBytes);
      if (n % 10 === 0) await settled();
    }
    await closed.opened;
    expect(closes.map(({ code }) => code)).to.deep.equal([1006]);
    expect(results).to.include('buffered').and.to.include('dropped');
    expect(most)
      .to.be.greaterThan(0)
      .and.lessThan(200_000 + 2 * CHUNK.length);
  });

  it('with onBackpressureLimit drop loses messages, and drain runs when it has caught up', async () => {
    const client = await connect('/drops');
    client.socket.pause();
    let sent = 0;
    for (let dropped = false; !dropped; ) {
      dropped = held!.send(CHUNK) === 'dropped';
      if (!dropped) sent++;
    }
    client.socket.resume();
    await closed.opened;
    held!.send('the end');
    while ((await client.next()) !== 'the end');
    expect(client.messages).to.have.length(sent + 1);
  });

  it('compresses long messages with perMessageDeflate', async () => {
    const client = await connect('/deflate');
    expect(client.socket.extensions).to.include('permessage-deflate');
    client.send('x'.repeat(5000));
    expect(await client.next()).to.equal('x'.repeat(5000));
    client.send('short');
    expect(await client.next()).to.equal('short');
  });

  it('refuses a small message that inflates beyond the limit', async () => {
    const client = await connect('/deflate', { perMessageDeflate: { threshold: 0 } });
    client.send('x'.repeat(5_000_000));
    expect((await client.closed()).code).to.be.oneOf([1006, 1009]);
    expect(closes.map(({ code }) => code)).to.deep.equal([1009]);
  });

  it('is closed with 1001 when the worker drains', async () => {
    const some = [await connect('/echo'), await connect('/drops'), await member('a', 'ada')];
    server.leaveWebSockets();
    for (const client of some) expect((await client.closed()).code).to.equal(1001);
    server.leaveWebSockets();
  });

  it('is cut when the server closes, and receives nothing that is published after that', async () => {
    const [ada, bob] = [await member('a', 'ada'), await member('a', 'bob')];
    server.close();
    publish('a', 'too late');
    for (const client of [ada, bob]) expect((await client.closed()).code).to.equal(1006);
    expect(ada.messages).to.deep.equal(['welcome ada']);
    expect(server.connections).to.equal(0);
  });
});
