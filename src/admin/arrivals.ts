// Connections of the admin plane that have not sent a complete request header yet. They are held here,
// cheaply, and reach node:http with their header, so thousands of half-open ones neither cost a parser each
// nor keep a probe out.
//
// Above the limit the oldest one is closed for a newcomer, at the earliest one turn of the event loop after
// it was accepted. A probe sends its request right after it has connected, so by then the request has been
// read, however many connections came with it. The kernel's queue of connections to accept stays short in the
// meantime: one that is full drops connections, and a client repeats its attempt only after a second (RFC
// 6298).
import type { Socket } from 'node:net';

/** Connections that are closed in one turn of the loop: less than a millisecond or so of work. */
const MOST_CLOSED_IN_A_TURN = 256;
/** What all together may have sent of their headers. */
const MOST_BYTES = 8 * 1024 * 1024;
const FIRST_BYTES = 512;
const SWEEP_MS = 20;
/** Above this many the oldest are closed evenly over the time that a header has, not all at the end of it. */
const MANY = 256;
const LINE_END = Buffer.from('\r\n\r\n');

export interface ArrivalOptions {
  /** Connections that may wait at once; asked for each newcomer. */
  readonly most: () => number;
  /** Milliseconds that a client has for its header. */
  readonly headersMs: number;
  /** Bytes of a header. A longer one is passed on as it is. */
  readonly headerBytes: number;
  /**
   * Takes a connection whose header is complete, or will never be valid. What was read is back in its stream.
   */
  complete(socket: Socket): void;
  /** A client has not sent its header in time; its connection is the callee's to close. */
  late(socket: Socket): void;
  /** A connection was closed for a newcomer. */
  evicted(): void;
}

interface Arrival {
  readonly socket: Socket;
  readonly acceptedAt: number;
  readonly turn: number;
  readonly received: (chunk: Buffer) => void;
  readonly closed: () => void;
  header: Buffer;
  length: number;
}

export class Arrivals {
  readonly #options: ArrivalOptions;
  /** The longest-waiting first. */
  readonly #waiting = new Map<Socket, Arrival>();
  readonly #sweep: NodeJS.Timeout;
  #turn = 0;
  #bytes = 0;
  #isTrimming = false;
  #isClosed = false;

  constructor(options: ArrivalOptions) {
    this.#options = options;
    this.#sweep = setInterval(() => {
      const now = performance.now();
      // The loop reads before it comes to immediates. After a pause of the process, headers may lie in the
      // kernel.
      setImmediate(() => this.#closeLate(now));
    }, SWEEP_MS);
    this.#sweep.unref();
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** What all that wait have sent. */
  get bytes(): number {
    return this.#bytes;
  }

  add(socket: Socket): void {
    if (this.#isClosed) {
      socket.resetAndDestroy();
      return;
    }
    const arrival: Arrival = {
      socket,
      acceptedAt: performance.now(),
      turn: this.#turn,
      received: (chunk) => this.#received(arrival, chunk),
      closed: () => this.#forget(arrival),
      header: EMPTY,
      length: 0,
    };
    this.#waiting.set(socket, arrival);
    socket.on('data', arrival.received);
    socket.once('error', ignore);
    socket.once('close', arrival.closed);
    this.#trim();
  }

  /** Closes those to come, and all that wait when the loop has read what they have sent already. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#sweep);
    setImmediate(() => setImmediate(() => this.#closeAll()));
  }

  #closeAll(): void {
    for (const socket of this.#waiting.keys()) socket.destroy();
  }

  #received(arrival: Arrival, chunk: Buffer): void {
    append(arrival, chunk);
    this.#bytes += chunk.length;
    const { headerBytes } = this.#options;
    const from = Math.max(0, arrival.length - chunk.length - LINE_END.length + 1);
    const isComplete = arrival.header.subarray(from, arrival.length).includes(LINE_END);
    if (isComplete || arrival.length > headerBytes || !isLetter(arrival.header[0]!)) this.#passOn(arrival);
    else this.#trim();
  }

  #passOn(arrival: Arrival): void {
    const { socket, header, length } = arrival;
    this.#forget(arrival);
    socket.off('error', ignore);
    socket.pause();
    socket.unshift(header.subarray(0, length));
    this.#options.complete(socket);
    process.nextTick(() => socket.resume());
  }

  /** Closes the oldest of those that are too many, in the next turns of the loop. */
  #trim(): void {
    if (this.#isTrimming || !this.#isOver()) return;
    this.#isTrimming = true;
    setImmediate(() => {
      this.#isTrimming = false;
      this.#turn++;
      let closed = 0;
      for (const arrival of this.#waiting.values()) {
        // The loop has read from every connection that it had when its last turn began.
        const hasBeenRead = arrival.turn < this.#turn - 1;
        if (!hasBeenRead || closed === MOST_CLOSED_IN_A_TURN || !this.#isOver()) break;
        closed++;
        this.#evict(arrival);
      }
      this.#trim();
    });
  }

  #isOver(): boolean {
    return this.#waiting.size > this.#options.most() || this.#bytes > MOST_BYTES;
  }

  /** Without a closing handshake, so that the kernel forgets the connection at once. */
  #evict(arrival: Arrival): void {
    this.#forget(arrival);
    arrival.socket.resetAndDestroy();
    this.#options.evicted();
  }

  /** @param now when it was seen which ones are late */
  #closeLate(now: number): void {
    const { headersMs } = this.#options;
    const share = this.#waiting.size > MANY ? Math.ceil((this.#waiting.size * SWEEP_MS) / headersMs) : 0;
    let closed = 0;
    for (const arrival of this.#waiting.values()) {
      const age = now - arrival.acceptedAt;
      if (age < headersMs && (closed >= share || age < headersMs / 8)) return;
      closed++;
      this.#forget(arrival);
      this.#options.late(arrival.socket);
    }
  }

  /** Every way out leads through here. What a connection sends afterwards is no longer received here. */
  #forget(arrival: Arrival): void {
    const { socket, received, closed } = arrival;
    if (!this.#waiting.delete(socket)) return;
    socket.off('data', received);
    socket.off('close', closed);
    this.#bytes -= arrival.length;
  }
}

const EMPTY = Buffer.alloc(0);
const ignore = (): void => {};
/** Every method of HTTP begins with one. */
const isLetter = (byte: number): boolean => (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);

/** Doubles its memory, so a header that comes byte by byte is not copied with every byte. */
function append(arrival: Arrival, chunk: Buffer): void {
  const { header, length } = arrival;
  const needed = length + chunk.length;
  if (needed > header.length) {
    arrival.header = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, header.length * 2, needed));
    header.copy(arrival.header, 0, 0, length);
  }
  chunk.copy(arrival.header, length);
  arrival.length = needed;
}
