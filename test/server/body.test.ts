import { expect } from 'chai';
import { BODY_IDLE_MS, readBytes, readStream } from '#src/server/body.js';
import type { Exchange } from '#src/server/exchange.js';
import { TimerWheel } from '#src/server/timer-wheel.js';
import { ManualTicker, settled } from './kit.js';

/** The reading half of an exchange, driven by hand. */
class Peer {
  paused = false;
  leave = (): void => {};
  #onChunk: (chunk: Uint8Array, last: boolean) => void = () => {};
  readonly ticker = new ManualTicker();
  readonly wheel = new TimerWheel((error) => {
    throw error;
  }, this.ticker);
  readonly exchange = {
    readBody: (onChunk) => {
      this.#onChunk = onChunk;
    },
    onClosed: (listener) => {
      this.leave = listener;
    },
    pause: () => {
      this.paused = true;
    },
    resume: () => {
      this.paused = false;
    },
  } satisfies Partial<Exchange> as unknown as Exchange;

  send(text: string, last = false): void {
    this.#onChunk(Buffer.from(text), last);
  }
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: { code: unknown }) => error.code,
  );

describe('reading a body', () => {
  it('gives all chunks as one', async () => {
    const peer = new Peer();
    const body = readBytes(peer.exchange, peer.wheel, 10);
    for (const text of ['ab', '', 'cde']) peer.send(text);
    peer.send('f', true);
    expect(Buffer.from(await body).toString()).to.equal('abcdef');
    expect(peer.wheel.size).to.equal(0);
  });

  it('counts while reading and stops at the limit', async () => {
    const peer = new Peer();
    const body = readBytes(peer.exchange, peer.wheel, 5);
    peer.send('abc');
    peer.send('def');
    peer.send('g', true);
    expect(await codeOf(body)).to.equal('BODY_TOO_LARGE');
    expect(peer.wheel.size).to.equal(0);
  });

  it('takes a body of exactly the limit', async () => {
    const peer = new Peer();
    const body = readBytes(peer.exchange, peer.wheel, 3);
    peer.send('abc', true);
    expect((await body).byteLength).to.equal(3);
  });

  it('ends after 8 s of silence, counted from the last byte', async () => {
    const peer = new Peer();
    const body = codeOf(readBytes(peer.exchange, peer.wheel, 100));
    for (let i = 0; i < 5; i++) {
      peer.ticker.advance(BODY_IDLE_MS - 100);
      peer.send('a');
    }
    peer.ticker.advance(BODY_IDLE_MS - 100);
    expect(peer.wheel.size).to.equal(1);
    peer.ticker.advance(200);
    expect(await body).to.equal('BODY_TIMEOUT');
  });

  it('ends when the client leaves', async () => {
    const peer = new Peer();
    const body = codeOf(readBytes(peer.exchange, peer.wheel, 100));
    peer.leave();
    expect(await body).to.equal('CLIENT_CLOSED');
    expect(peer.wheel.size).to.equal(0);
  });
});

describe('streaming a body', () => {
  const half = 'x'.repeat(40_000);

  it('yields chunks as they come and ends with the last', async () => {
    const peer = new Peer();
    const stream = readStream(peer.exchange, peer.wheel, 100)[Symbol.asyncIterator]();
    const first = stream.next();
    peer.send('ab');
    expect(Buffer.from((await first).value as Uint8Array).toString()).to.equal('ab');
    const second = stream.next();
    await settled();
    peer.send('cd', true);
    expect(Buffer.from((await second).value as Uint8Array).toString()).to.equal('cd');
    expect((await stream.next()).done).to.equal(true);
  });

  it('stops reading when its reader is behind and goes on when it has caught up', async () => {
    const peer = new Peer();
    const stream = readStream(peer.exchange, peer.wheel, 1e6)[Symbol.asyncIterator]();
    const first = stream.next();
    for (let i = 0; i < 3; i++) peer.send(half);
    expect(peer.paused).to.equal(true);
    await first;
    await stream.next();
    expect(peer.paused).to.equal(true);
    await stream.next();
    const last = stream.next();
    await settled();
    expect(peer.paused).to.equal(false);
    peer.send('end', true);
    expect((await last).done).to.equal(false);
  });

  it('does not hold the silence of a peer against it while it is not read from', async () => {
    const peer = new Peer();
    const stream = readStream(peer.exchange, peer.wheel, 1e6)[Symbol.asyncIterator]();
    const first = stream.next();
    peer.send(half);
    peer.send(half);
    peer.ticker.advance(10 * BODY_IDLE_MS);
    await first;
    const second = await stream.next();
    expect((second.value as Uint8Array).byteLength).to.equal(half.length);
    const third = codeOf(stream.next());
    await settled();
    peer.ticker.advance(BODY_IDLE_MS + 20);
    expect(await third).to.equal('BODY_TIMEOUT');
  });

  it('hands out what it has before it fails', async () => {
    const peer = new Peer();
    const stream = readStream(peer.exchange, peer.wheel, 3)[Symbol.asyncIterator]();
    const first = stream.next();
    peer.send('abc');
    peer.send('d');
    expect((await first).done).to.equal(false);
    expect(await codeOf(stream.next())).to.equal('BODY_TOO_LARGE');
  });

  it('lets go of everything when its reader stops early', async () => {
    const peer = new Peer();
    const stream = readStream(peer.exchange, peer.wheel, 100)[Symbol.asyncIterator]();
    const first = stream.next();
    peer.send('a');
    await first;
    await stream.return?.();
    expect(peer.wheel.size).to.equal(0);
    peer.send('b', true);
  });
});
