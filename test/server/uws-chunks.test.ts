// Chunks are whole whatever the socket takes. The core is played with the fault of its cork: what does not
// fit into the cork is lost when the socket does not take all that the cork has.
import { expect } from 'chai';
import { TimerWheel } from '#src/server/timer-wheel.js';
import type { CoreResponse } from '#src/server/uws/uws-core.js';
import { UwsStream } from '#src/server/uws/uws-stream.js';
import { seeded } from '#test/support/random.js';
import { ManualTicker } from './kit.js';

const CORK_BYTES = 16 * 1024;

class FaultyCore {
  /** What the socket has taken. */
  readonly sent: Buffer[] = [];
  #cork: Buffer | undefined;
  #waiting = Buffer.alloc(0);
  /** The socket has not taken something, and reports when it takes bytes again. */
  #isAwaited = false;
  readonly #takes: () => number;
  #onWritable: (() => boolean) | undefined;

  /** @param takes the number of bytes that the socket takes of a write */
  constructor(takes: () => number) {
    this.#takes = takes;
  }

  get response(): CoreResponse {
    return this as unknown as CoreResponse;
  }

  onWritable(handler: () => boolean): void {
    this.#onWritable = handler;
  }

  getRemoteAddress = (): ArrayBuffer => new ArrayBuffer(4);
  pause = (): void => undefined;
  resume = (): void => undefined;

  /** A callback of the core: it corks the connection until the microtasks behind the callback have run. */
  async inCallback(run: () => void): Promise<void> {
    this.#cork = Buffer.alloc(0);
    run();
    for (let n = 0; n < 20; n++) await Promise.resolve();
    this.#uncork();
  }

  cork(write: () => void): void {
    if (this.#cork !== undefined) {
      write();
      return;
    }
    this.#cork = Buffer.alloc(0);
    write();
    this.#uncork();
  }

  write(chunk: Uint8Array): boolean {
    this.#put(Buffer.from(`${chunk.length.toString(16)}\r\n`));
    this.#put(Buffer.from(chunk));
    this.#put(Buffer.from('\r\n'));
    return this.#waiting.length === 0;
  }

  /** The socket takes the rest. */
  flush(): void {
    this.sent.push(this.#waiting);
    this.#waiting = Buffer.alloc(0);
  }

  /** The socket takes bytes again. */
  writable(): void {
    if (!this.#isAwaited) return;
    this.#isAwaited = false;
    this.#onWritable?.();
  }

  #put(bytes: Buffer): boolean {
    if (this.#cork === undefined || this.#waiting.length > 0) return this.#send(bytes);
    if (this.#cork.length + bytes.length <= CORK_BYTES) {
      this.#cork = Buffer.concat([this.#cork, bytes]);
      return true;
    }
    return this.#uncork() && this.#send(bytes);
  }

  #uncork(): boolean {
    const corked = this.#cork ?? Buffer.alloc(0);
    this.#cork = undefined;
    return this.#send(corked);
  }

  #send(bytes: Buffer): boolean {
    const all = Buffer.concat([this.#waiting, bytes]);
    const taken = Math.min(all.length, this.#takes());
    this.sent.push(all.subarray(0, taken));
    this.#waiting = all.subarray(taken);
    if (this.#waiting.length > 0) this.#isAwaited = true;
    return this.#waiting.length === 0;
  }
}

/** @throws Error for chunks that are not whole */
function joined(bytes: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf('\r\n', at);
    const length = Number.parseInt(bytes.toString('latin1', at, end), 16);
    const piece = bytes.subarray(end + 2, end + 2 + length);
    expect(bytes.toString('latin1', end + 2 + length, end + 4 + length), `behind byte ${at}`).to.equal(
      '\r\n',
    );
    pieces.push(piece);
    at = end + 4 + length;
  }
  return Buffer.concat(pieces);
}

describe('a response in pieces', () => {
  for (let seed = 1; seed <= 40; seed++) {
    it(`has whole chunks whatever the socket takes (seed ${seed})`, async () => {
      const random = seeded(seed);
      const below = (most: number): number => Math.floor(random() * most);
      const core = new FaultyCore(() => (random() < 0.3 ? below(12) : below(3) * 40_000));
      const wheel = new TimerWheel(() => undefined, new ManualTicker());
      const stream = new UwsStream(core.response, undefined, wheel, 60_000, () => expect.fail('lost'));
      stream.start();
      const body = Buffer.from(Array.from({ length: 200_000 }, () => below(256)));
      const drain = setInterval(() => core.writable(), 0);
      try {
        for (let at = 0; at < body.length; ) {
          const piece = body.subarray(at, at + 1 + below(70_000));
          at += piece.length;
          if (random() < 0.5) await stream.write(piece, piece.length);
          else {
            let written: Promise<void> | undefined;
            await core.inCallback(() => {
              stream.corked();
              written = stream.write(piece, piece.length);
            });
            await written;
          }
        }
        core.flush();
        expect(joined(Buffer.concat(core.sent)).equals(body)).to.equal(true);
      } finally {
        clearInterval(drain);
        stream.finish();
      }
    });
  }
});
