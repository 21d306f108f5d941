// The frames on their way to one client. The socket gets a frame only when it has taken those before, so what
// waits for a slow client is counted here, and lies in few large blocks: in the stream of the socket every
// small frame would take hundreds of bytes.
import type { Duplex } from 'node:stream';

/**
 * Frames up to this size are copied into blocks while they wait. Larger ones may be shared by many sockets.
 */
const SMALL_BYTES = 1024;
const BLOCK_BYTES = 4096;
/** The socket gets about this much at a time. */
const BATCH_BYTES = 64 * 1024;

export class NodeOutput {
  readonly #socket: Duplex;
  readonly #drained: () => void;
  /** What is encrypted is never taken at once. */
  readonly #isEncrypted: boolean;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** The last waiting block, where it has room, and the bytes of it that are used. */
  #block: Buffer | undefined;
  #used = 0;
  /** The socket has not taken the last batch. */
  #isPending = false;
  #isHeld = false;
  /** A frame has been buffered since the last call of `drained`. */
  #owesDrain = false;

  /** @param drained called when the client has read some of what was buffered */
  constructor(socket: Duplex, drained: () => void) {
    this.#socket = socket;
    this.#drained = drained;
    this.#isEncrypted = 'encrypted' in socket;
  }

  /** Bytes that the system has not taken. */
  get bytes(): number {
    return this.#waitingBytes + (this.#isPending ? this.#socket.writableLength : 0);
  }

  /** Those of them that wait for the client: `drained` will be called. */
  get bufferedBytes(): number {
    return this.#owesDrain ? this.bytes : 0;
  }

  /** @returns false when the frame is buffered because the client reads slowly */
  write(frame: Buffer): boolean {
    const isFree = !this.#isPending;
    if (isFree && !this.#isHeld && this.#waiting.length === 0) this.#pass([frame]);
    else {
      this.#append(frame);
      if (isFree && (!this.#isHeld || this.#waitingBytes >= BATCH_BYTES)) this.#flush();
    }
    const isTaken = !this.#isPending || (isFree && this.#isEncrypted);
    if (!isTaken) this.#owesDrain = true;
    return isTaken;
  }

  /**
   * Writes a frame that may wait for others until `release`.
   * @returns true when `release` has to be called
   */
  writeLater(frame: Buffer): boolean {
    const isFirst = this.#waiting.length === 0;
    this.#append(frame);
    if (this.#isPending) this.#owesDrain = true;
    else if (this.#waitingBytes >= BATCH_BYTES) this.#flush();
    return isFirst && !this.#isPending && !this.#isHeld;
  }

  /** Collects what is written until `release`, to pass it to the socket together. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    if (!this.#isPending && this.#waiting.length > 0) this.#flush();
  }

  /** Writes the last frame and closes this direction of the connection. */
  end(frame: Buffer): void {
    for (const block of this.#taken(Number.POSITIVE_INFINITY)) this.#socket.write(block);
    this.#socket.end(frame);
  }

  #append(frame: Buffer): void {
    this.#waitingBytes += frame.length;
    if (this.#waiting.length === 0 || frame.length > SMALL_BYTES) {
      this.#seal();
      this.#waiting.push(frame);
      return;
    }
    if (this.#block === undefined || this.#used + frame.length > BLOCK_BYTES) {
      this.#seal();
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.#used = 0;
      this.#waiting.push(this.#block);
    }
    this.#block.set(frame, this.#used);
    this.#used += frame.length;
  }

  /** Cuts the last block to its bytes. Nothing is added to it any more. */
  #seal(): void {
    if (this.#block === undefined) return;
    this.#waiting[this.#waiting.length - 1] = this.#block.subarray(0, this.#used);
    this.#block = undefined;
  }

  /** Passes batches to the socket until it does not take one at once. */
  #flush(): void {
    while (!this.#isPending && this.#waiting.length > 0) this.#pass(this.#taken(BATCH_BYTES));
  }

  /** Removes the first waiting blocks, up to about `most` bytes. */
  #taken(most: number): Buffer[] {
    this.#seal();
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && bytes < most) bytes += this.#waiting[count++]!.length;
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  #pass(batch: readonly Buffer[]): void {
    const socket = this.#socket;
    const last = batch.length - 1;
    if (last > 0) socket.cork();
    for (let i = 0; i <= last; i++) {
      if (i === last) socket.write(batch[i]!, this.#written);
      else socket.write(batch[i]!);
    }
    if (last > 0) socket.uncork();
    this.#isPending = socket.writableLength > 0;
  }

  /** Is also called, a moment later, for batches that were taken at once. */
  readonly #written = (error?: Error | null): void => {
    if (error || !this.#isPending || this.#socket.writableLength > 0) return;
    this.#isPending = false;
    this.#flush();
    if (!this.#owesDrain) return;
    this.#owesDrain = this.#isPending;
    this.#drained();
  };
}
