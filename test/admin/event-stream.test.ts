import type { ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import type { AdminRoute, EventSink } from '#src/admin/admin-route.js';
import { EventStream, formatEvent } from '#src/admin/event-stream.js';
import { get } from '#test/support/client.js';
import { Wire } from '#test/support/wire.js';
import { closePlanes, plane } from './admin-fixture.js';

/** A route that streams, and the state of its stream. */
function stream() {
  let opened: (sink: EventSink) => void = () => {};
  let ended: () => void = () => {};
  const state = {
    cleanups: 0,
    sink: new Promise<EventSink>((resolve) => {
      opened = resolve;
    }),
    cleaned: new Promise<void>((resolve) => {
      ended = resolve;
    }),
  };
  const route: AdminRoute = {
    method: 'GET',
    path: '/events',
    handler: () => ({
      status: 200,
      stream: (sink) => {
        opened(sink);
        return () => {
          state.cleanups++;
          ended();
        };
      },
    }),
  };
  return { route, state };
}

describe('an event stream of the admin plane', () => {
  afterEach(closePlanes);

  it('frames events so that no text can end its field', () => {
    expect(formatEvent({ event: 'tick', id: '7', data: { n: 1 } })).to.equal(
      'event: tick\nid: 7\ndata: {"n":1}\n\n',
    );
    expect(formatEvent({ data: 'a\nb\r\nc\rd' })).to.equal('data: a\ndata: b\ndata: c\ndata: d\n\n');
    expect(formatEvent({ event: 'x\ndata: forged', data: undefined })).to.equal(
      'event: x data: forged\ndata: null\n\n',
    );
  });

  it('sends the events of the handler, and ends when the handler ends it', async () => {
    const { route, state } = stream();
    const { url } = await plane([route]);
    const answer = await get(`${url}/events`);
    expect(answer.headers.get('content-type')).to.equal('text/event-stream; charset=utf-8');
    const sink = await state.sink;
    expect(sink.send({ data: 'one' })).to.equal(true);
    sink.close();
    sink.close();
    expect(await answer.text()).to.equal(':\n\ndata: one\n\n');
    expect(sink.send({ data: 'late' })).to.equal(false);
    expect(state.cleanups).to.equal(1);
  });

  it('cleans up once when the client leaves', async () => {
    const { route, state } = stream();
    const { url } = await plane([route]);
    const wire = await Wire.open(url);
    wire.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const sink = await state.sink;
    wire.destroy();
    await state.cleaned;
    expect(sink.send({ data: 'x' })).to.equal(false);
    expect(state.cleanups).to.equal(1);
  });

  it('disconnects a client that does not read, instead of buffering without a bound', async () => {
    const { route, state } = stream();
    const { url } = await plane([route]);
    const controller = new AbortController();
    await fetch(`${url}/events`, { signal: controller.signal });
    const sink = await state.sink;
    const data = 'x'.repeat(1 << 16);
    let sent = 0;
    while (sink.send({ data })) sent++;
    expect(sent).to.be.below(1000);
    await state.cleaned;
    expect(state.cleanups).to.equal(1);
    controller.abort();
  });

  it('disconnects a client that has taken no byte for a while, but not one that has read all', async () => {
    const { route, state } = stream();
    const { url } = await plane([route], { limits: { streamMs: 200 } });
    const reading = await get(`${url}/events`);
    const read = await state.sink;
    const { route: other, state: unread } = stream();
    const { url: elsewhere } = await plane([other], { limits: { streamMs: 200 } });
    const wire = await Wire.open(elsewhere);
    wire.pause();
    wire.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const sink = await unread.sink;
    const data = 'x'.repeat(1 << 16);
    // The buffers of the kernel take some of them.
    while (!sink.isBehind && sink.send({ data })) await new Promise(setImmediate);
    expect(sink.isBehind).to.equal(true);
    await unread.cleaned;
    expect(sink.send({ data: 'late' })).to.equal(false);
    expect(unread.cleanups).to.equal(1);
    expect(read.send({ data: 'x' }), 'the other stream goes on').to.equal(true);
    read.close();
    expect(await reading.text()).to.equal(':\n\ndata: x\n\n');
    wire.destroy();
  });

  it('counts what small writes hold beside their bytes', () => {
    const unread = new Writable({ write: () => undefined });
    const stream = new EventStream(unread as ServerResponse, () => () => undefined);
    let sent = 0;
    while (sent < 100_000 && stream.send({ data: 1 })) sent++;
    expect(sent).to.be.within(1_000, 2_047);
    expect(unread.destroyed).to.equal(true);
  });

  it('goes on when the client has read what it was behind with, however small the writes were', () => {
    const taken: (() => void)[] = [];
    const socket = new Writable({
      highWaterMark: 1 << 20,
      write: (_chunk, _encoding, done) => taken.push(done),
    });
    const stream = new EventStream(socket as ServerResponse, () => () => undefined);
    while (!stream.isBehind) stream.send({ data: 1 });
    return new Promise<void>((resolve) => {
      stream.onceRead(() => {
        expect(stream.isBehind).to.equal(false);
        expect(socket.writableLength).to.equal(0);
        stream.close();
        resolve();
      });
      const take = (): void => {
        taken.shift()?.();
        if (socket.writableLength > 0) setImmediate(take);
      };
      take();
    });
  });

  it('ends when the server closes', async () => {
    const { route, state } = stream();
    const { url, close } = await plane([route]);
    const answer = await get(`${url}/events`);
    await state.sink;
    await close();
    expect(await answer.text()).to.equal(':\n\n');
    expect(state.cleanups).to.equal(1);
  });

  it('does not start for HEAD', async () => {
    const { route, state } = stream();
    const { url } = await plane([route]);
    const answer = await fetch(`${url}/events`, { method: 'HEAD' });
    expect([answer.status, await answer.text(), state.cleanups]).to.deep.equal([200, '', 0]);
  });
});
