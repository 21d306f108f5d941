import { expect } from 'chai';
import { HttpError, UnavailableError } from '#src/errors.js';
import { BODY_IDLE_MS, type BodyOwner, RequestBody } from '#src/server/body/body.js';
import { BodyClaim } from '#src/server/body/body-claim.js';
import type { Exchange } from '#src/server/exchange.js';
import { TimerWheel } from '#src/server/timer-wheel.js';
import { TurnEnd } from '#src/server/turn-end.js';
import { ManualTicker, type QuotaBounds, quotasOf, settled } from './kit.js';

const fail = (error: unknown): never => {
  throw error;
};

const ENOUGH: QuotaBounds = { bodies: [10, 10], bodyBytes: [1e6, 1e6], streams: [1, 1] };

/** The reading half of an exchange that the test drives, and the body that is read from it. */
class Peer {
  paused = false;
  leave = (): void => {};
  awaited = 0;
  arrived = 0;
  /** Whether the request went on each time. */
  readonly goesOn: boolean[] = [];
  refusal: UnavailableError | undefined;
  #onPiece: (piece: Uint8Array, isLast: boolean) => void = () => {};
  readonly ticker = new ManualTicker();
  readonly wheel = new TimerWheel(fail, this.ticker);
  readonly refused: string[] = [];
  readonly quotas;
  readonly body: RequestBody;
  /** Makes the exchange deliver what arrives behind the response. */
  readonly deliverBehind: () => void;

  constructor(limit: number, bounds: Partial<QuotaBounds> = {}, contentLength = -1) {
    this.quotas = quotasOf({ ...ENOUGH, ...bounds }, (name) => this.refused.push(name));
    const key = this.quotas.addressKey('client');
    const exchange = {
      isBodyComplete: false,
      deliversBehind: false as boolean,
      readBody: (onPiece) => {
        this.#onPiece = onPiece;
        return true;
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
    } satisfies Partial<Exchange>;
    this.deliverBehind = () => {
      exchange.deliversBehind = true;
    };
    const owner: BodyOwner = {
      detach: () => undefined,
      bodyLost: () => {},
      bodyAwaited: () => void this.awaited++,
      bodyArrived: (goesOn) => {
        this.arrived++;
        this.goesOn.push(goesOn);
        return this.refusal;
      },
    };
    this.body = new RequestBody({
      exchange,
      wheel: this.wheel,
      turnEnd: new TurnEnd(fail),
      claim: new BodyClaim(this.quotas, () => key),
      owner,
      limit,
      contentLength,
    });
  }

  send(text: string, isLast = false): void {
    const piece = Buffer.from(text);
    this.#onPiece(piece, isLast);
    piece.fill('?'); // the core takes its memory back
  }

  /** The pending bodies and the bytes that are held now. */
  get held(): readonly number[] {
    return [this.quotas.bodies.held, this.quotas.bodyBytes.held];
  }
}

const NOTHING_HELD = [0, 0];

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: { code: unknown }) => error.code,
  );
const textOf = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString();
const gone = new UnavailableError('OVERLOADED', 'test');

describe('reading a whole body', () => {
  it('returns all pieces as one', async () => {
    const peer = new Peer(10);
    const bytes = peer.body.whole();
    for (const text of ['ab', '', 'cde']) peer.send(text);
    peer.send('f', true);
    expect(textOf(await bytes)).to.equal('abcdef');
    expect(peer.wheel.size).to.equal(0);
  });

  it('does not time out when a pause of the process delayed the reading of bytes that had arrived', async () => {
    const peer = new Peer(10);
    const bytes = peer.body.whole();
    peer.send('abc');
    await settled();
    peer.ticker.stall(2 * BODY_IDLE_MS);
    peer.send('def', true);
    expect(textOf(await bytes)).to.equal('abcdef');
  });

  it('returns bytes that arrived before it was read', async () => {
    const peer = new Peer(10);
    peer.send('abc');
    const bytes = peer.body.whole();
    peer.send('def', true);
    expect(textOf(await bytes)).to.equal('abcdef');
    const late = new Peer(10);
    late.send('abc', true);
    expect(textOf(await late.body.whole())).to.equal('abc');
  });

  it('counts bytes while reading and refuses the body above the limit', async () => {
    const peer = new Peer(5);
    const bytes = codeOf(peer.body.whole());
    for (const text of ['abc', 'def']) peer.send(text);
    peer.send('g', true);
    expect(await bytes).to.equal('BODY_TOO_LARGE');
    expect(peer.wheel.size).to.equal(0);
  });

  it('accepts a body of exactly the limit', async () => {
    const peer = new Peer(3);
    peer.send('abc', true);
    expect((await peer.body.whole()).byteLength).to.equal(3);
  });

  it('times out 8 s after the last byte', async () => {
    const peer = new Peer(100);
    const bytes = codeOf(peer.body.whole());
    await settled();
    for (let i = 0; i < 5; i++) {
      peer.ticker.advance(BODY_IDLE_MS - 100);
      peer.send('a');
    }
    peer.ticker.advance(BODY_IDLE_MS - 100);
    expect(peer.wheel.size).to.equal(1);
    peer.ticker.advance(200);
    expect(await bytes).to.equal('BODY_TIMEOUT');
    expect(peer.held[0]).to.equal(0);
  });

  it('fails when the client leaves, and when the request ends', async () => {
    for (const end of ['leave', 'release'] as const) {
      const peer = new Peer(100);
      const bytes = codeOf(peer.body.whole());
      peer.send('a');
      await settled();
      if (end === 'leave') peer.leave();
      peer.body.release(gone);
      expect(await bytes).to.equal(end === 'leave' ? 'CLIENT_CLOSED' : 'OVERLOADED');
      expect([peer.wheel.size, ...peer.held]).to.deep.equal([0, ...NOTHING_HELD]);
    }
  });

  it('takes little more memory than the body has bytes, however small the pieces are', async () => {
    const peer = new Peer(1e6);
    const bytes = peer.body.whole();
    for (let n = 0; n < 20_000; n++) {
      peer.send('x');
      expect(peer.held[1]).to.be.at.most(Math.max(1024, 2 * (n + 1)));
    }
    peer.send('', true);
    expect((await bytes).byteLength).to.equal(20_000);
    peer.body.release(gone);
    expect(peer.held).to.deep.equal(NOTHING_HELD);
  });

  describe('and the bytes that one client may hold', () => {
    const MOST = 448 * 1024; // without the share for small bodies of all addresses
    const bounds: Partial<QuotaBounds> = { bodyBytes: [1024 * 1024, 512 * 1024] };
    const sendAll = (bytes: number, piece: number, isAnnounced: boolean): Promise<Uint8Array> => {
      const peer = new Peer(1e7, bounds, isAnnounced ? bytes : -1);
      const whole = peer.body.whole();
      whole.catch(() => undefined);
      for (let sent = 0; sent < bytes; sent += piece) {
        const length = Math.min(piece, bytes - sent);
        // The end of a chunked body arrives as a piece of its own.
        peer.send('x'.repeat(length), isAnnounced && sent + length === bytes);
      }
      if (!isAnnounced) peer.send('', true);
      return whole;
    };

    for (const piece of [1000, 16 * 1024, 100_000, 416 * 1024]) {
      for (const isAnnounced of [true, false]) {
        const how = `${isAnnounced ? 'announced' : 'chunked'}, in pieces of ${piece} bytes`;
        it(`accepts a body that fits, ${how}`, async () => {
          for (const bytes of [100, 200, 257, 300, 440, 448].map((kib) => kib * 1024)) {
            expect((await sendAll(bytes, piece, isAnnounced)).length).to.equal(bytes);
          }
        });

        it(`names the setting when the body can never fit, ${how}`, async () => {
          const error = await sendAll(MOST + 20_000, piece, isAnnounced).then(
            fail,
            (thrown: unknown) => thrown,
          );
          expect(error).to.include({ code: 'OVERLOADED' });
          expect(String(error)).to.match(new RegExp(`${MOST} bytes of MAX_BUFFERED_BODY_BYTES`));
        });
      }
    }
  });

  it('never takes more memory than the announced length', async () => {
    const peer = new Peer(1e6, {}, 1500);
    void codeOf(peer.body.whole());
    for (let n = 0; n < 1499; n++) peer.send('x');
    expect(peer.held[1]).to.be.at.most(1500);
    peer.body.release(gone);
  });
});

describe('a pending body', () => {
  it('is counted from the end of the turn in which it was first awaited until it has arrived', async () => {
    const peer = new Peer(100);
    const bytes = peer.body.whole();
    expect([peer.held[0], peer.awaited]).to.deep.equal([0, 0]);
    await settled();
    expect([peer.held[0], peer.awaited, peer.arrived]).to.deep.equal([1, 1, 0]);
    peer.send('a', true);
    expect([peer.held[0], peer.arrived]).to.deep.equal([0, 1]);
    await bytes;
  });

  const ends: readonly (readonly [string, (peer: Peer) => void, boolean])[] = [
    ['the body is there', (peer) => peer.send('a', true), true],
    ['it is too large', (peer) => peer.send('a'.repeat(200)), true],
    ['it has stopped to arrive', (peer) => peer.ticker.advance(3 * BODY_IDLE_MS), true],
    ['the client has left', (peer) => peer.leave(), false],
    ['the response is complete', (peer) => peer.body.stop(), false],
    ['the request has ended', (peer) => peer.body.release(), false],
  ];
  for (const [what, end, goesOn] of ends) {
    it(`${goesOn ? 'has' : 'has no'} work to admit when ${what}`, async () => {
      const peer = new Peer(100);
      void codeOf(peer.body.whole());
      await settled();
      end(peer);
      expect(peer.goesOn).to.deep.equal([goesOn]);
    });
  }

  it('is not counted when it arrives with its header', async () => {
    const peer = new Peer(100);
    const bytes = peer.body.whole();
    peer.send('a', true);
    await bytes;
    await settled();
    expect([peer.held[0], peer.awaited, peer.arrived]).to.deep.equal([0, 0, 0]);
  });

  it('is refused when too many are pending, or when its request is refused', async () => {
    const crowded = new Peer(100, { bodies: [0, 0] });
    expect(await codeOf(crowded.body.whole())).to.equal('OVERLOADED');
    expect(crowded.refused).to.deep.equal(['bodies']);
    const refused = new Peer(100);
    refused.refusal = gone;
    const bytes = codeOf(refused.body.whole());
    await settled();
    refused.send('a', true);
    expect(await bytes).to.equal('OVERLOADED');
  });

  it('is refused at the byte that the process has no memory for, and then holds none', async () => {
    for (const read of ['whole', 'stream', 'none'] as const) {
      const peer = new Peer(1e6, { bodyBytes: [10_000, 10_000] });
      const failure =
        read === 'whole'
          ? codeOf(peer.body.whole())
          : read === 'stream'
            ? codeOf(peer.body.stream().next())
            : settled();
      for (let n = 0; n < 20; n++) peer.send('x'.repeat(1000));
      expect(peer.held[1]).to.be.at.most(10_000);
      if (read === 'whole') expect(await failure).to.equal('OVERLOADED');
      await failure;
      if (read === 'none') expect(await codeOf(peer.body.whole())).to.equal('OVERLOADED');
      peer.body.release(gone);
      expect(peer.held).to.deep.equal(NOTHING_HELD);
    }
  });
});

describe('streaming a body', () => {
  const half = 'x'.repeat(40_000);

  it('yields pieces as they arrive and ends with the last', async () => {
    const peer = new Peer(100);
    const stream = peer.body.stream();
    const first = stream.next();
    peer.send('ab');
    expect(textOf((await first).value)).to.equal('ab');
    const second = stream.next();
    await settled();
    peer.send('cd', true);
    expect(textOf((await second).value)).to.equal('cd');
    expect((await stream.next()).done).to.equal(true);
  });

  it('yields what arrived while its reader was busy as one piece', async () => {
    const peer = new Peer(100);
    const stream = peer.body.stream();
    const first = stream.next();
    peer.send('a');
    await first;
    for (const text of ['b', 'c', 'd']) peer.send(text);
    expect(textOf((await stream.next()).value)).to.equal('bcd');
    await stream.return();
  });

  it('stops reading from the socket while its reader is behind, and continues when it has caught up', async () => {
    const peer = new Peer(1e6);
    const stream = peer.body.stream();
    const first = stream.next();
    peer.send(half);
    await first;
    for (let i = 0; i < 2; i++) peer.send(half);
    expect(peer.paused).to.equal(true);
    expect(((await stream.next()).value as Uint8Array).byteLength).to.equal(2 * half.length);
    const last = stream.next();
    await settled();
    expect(peer.paused).to.equal(false);
    peer.send('end', true);
    expect((await last).done).to.equal(false);
  });

  it('does not time out while it is not read from the socket', async () => {
    const peer = new Peer(1e6);
    const stream = peer.body.stream();
    const first = stream.next();
    await settled();
    peer.send('x');
    await first;
    peer.send(half);
    peer.send(half);
    peer.ticker.advance(10 * BODY_IDLE_MS);
    expect(((await stream.next()).value as Uint8Array).byteLength).to.equal(2 * half.length);
    const third = codeOf(stream.next());
    await settled();
    peer.ticker.advance(BODY_IDLE_MS + 20);
    expect(await third).to.equal('BODY_TIMEOUT');
  });

  for (const [what, release, code] of [
    [
      'nothing reads it for a while behind the response',
      (peer: Peer) => {
        peer.body.leave();
        peer.ticker.advance(3 * BODY_IDLE_MS);
      },
      'CLIENT_CLOSED',
    ],
    ['the request has ended', (peer: Peer) => peer.body.release(), 'CLIENT_CLOSED'],
    [
      'its time is over',
      (peer: Peer) => peer.body.release(new HttpError('DEADLINE_EXCEEDED', 'late')),
      'DEADLINE_EXCEEDED',
    ],
  ] as const)
    it(`fails where the rest was released unread, although all of it has arrived: ${what}`, async () => {
      const peer = new Peer(100);
      const stream = peer.body.stream();
      peer.send('first');
      expect(Buffer.from((await stream.next()).value!).toString()).to.equal('first');
      peer.send('last', true);
      release(peer);
      expect(await codeOf(stream.next())).to.equal(code);
    });

  for (const isLate of [true, false])
    it(`is read to its end behind the response by a reader that was between two pieces: the rest ${isLate ? 'comes later' : 'is there'}`, async () => {
      const peer = new Peer(100);
      const stream = peer.body.stream();
      peer.send('first');
      await stream.next();
      if (!isLate) peer.send('last', true);
      peer.deliverBehind();
      peer.body.stop();
      peer.body.leave();
      if (isLate) peer.send('last', true);
      expect(Buffer.from((await stream.next()).value!).toString()).to.equal('last');
      expect(await stream.next()).to.deep.equal({ done: true, value: undefined });
      expect(peer.held).to.deep.equal(NOTHING_HELD);
    });

  it('yields the bytes that have arrived before it fails', async () => {
    const peer = new Peer(3);
    const stream = peer.body.stream();
    const first = stream.next();
    peer.send('abc');
    peer.send('d');
    expect((await first).done).to.equal(false);
    expect(await codeOf(stream.next())).to.equal('BODY_TOO_LARGE');
  });

  it('releases everything when its reader stops early', async () => {
    const peer = new Peer(100);
    const stream = peer.body.stream();
    const first = stream.next();
    peer.send('a');
    await first;
    peer.send('b');
    await stream.return();
    expect([peer.wheel.size, ...peer.held]).to.deep.equal([0, ...NOTHING_HELD]);
    peer.send('c', true);
    expect(peer.held).to.deep.equal(NOTHING_HELD);
  });

  it('does not return its permit: only a whole body is awaited', async () => {
    const peer = new Peer(100);
    void codeOf(peer.body.stream().next());
    await settled();
    expect([peer.held[0], peer.awaited]).to.deep.equal([1, 0]);
    peer.body.release(gone);
  });
});
