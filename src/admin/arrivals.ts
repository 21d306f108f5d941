// Holds the connections of the admin plane that have not sent a complete request header yet. They reach
// node:http only with their header, so thousands of half-open connections neither cost a parser each nor
// block a probe.
//
// Above the limit the oldest connection is closed for a new one, at the earliest one turn of the event loop
// after it was accepted. A probe sends its request right after it has connected, so by then the request has
// been read, however many connections arrived with it. Meanwhile the kernel's queue of connections to accept
// stays short: a full queue drops connections, and a client repeats its attempt only after a second (RFC
// 6298).
import type { Socket } from 'node:net';

/** Closing this many connections in one turn of the loop takes about a millisecond. */
const MOST_CLOSED_IN_A_TURN = 256;
/** The bytes that all waiting connections together may have sent of their headers. */
const MOST_BYTES = 8 * 1024 * 1024;
/** The size of the first buffer for a header. */
const FIRST_BYTES = 512;
/**
 * Time for the request of a client that had just connected when the admin plane was closed. A client whose
 * machine is busy sends it milliseconds later, and a probe of a reload must not fail for that.
 */
const LEAVING_MS = 100;
/** How often connections are closed that have waited too long. */
const SWEEP_MS = 20;
/**
 * When more connections than this wait, the oldest are closed evenly over the time that a client has for its
 * header, and not all at the end of it.
 */
const MANY = 256;
const HEADER_END = Buffer.from('\r\n\r\n');

export interface ArrivalOptions {
  /** Connections that may wait at once; read for each new connection. */
  readonly most: () => number;
  /** Milliseconds that a client has for its header. */
  readonly headersMs: number;
  /** Milliseconds that waiting clients have after `close`. @default 100 */
  readonly leavingMs?: number;
  /** Largest header in bytes. A longer one is passed on as it is. */
  readonly headerBytes: number;
  /**
   * Takes a connection whose header is complete, or can never be valid. The bytes that were read are back in
   * its stream.
   */
  complete(socket: Socket): void;
  /** Called for a client that has not sent its header in time. The callee closes the connection. */
  late(socket: Socket): void;
  /** Called when a connection was closed for a new one. */
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
  /** The connection that has waited longest is the first. */
  readonly #waiting = new Map<Socket, Arrival>();
  /** Runs while connections wait. */
  #sweep: NodeJS.Timeout | undefined;
  #turn = 0;
  #bytes = 0;
  #isTrimming = false;
  #isClosed = false;

  constructor(options: ArrivalOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** The bytes that all waiting connections have sent. */
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
    this.#sweep ??= setInterval(() => this.#look(), SWEEP_MS).unref();
    socket.on('data', arrival.received);
    socket.once('error', ignore);
    socket.once('close', arrival.closed);
    this.#trim();
  }

  /** Closes all new connections at once, and the waiting ones when their clients had time for a request. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#sweep);
    const { leavingMs = LEAVING_MS } = this.#options;
    // The loop reads from sockets between timers and immediates, so a request that came during a pause of the
    // process is read before its connection would be closed.
    if (this.#waiting.size > 0) setTimeout(() => setImmediate(() => this.#closeAll()), leavingMs);
  }

  #closeAll(): void {
    for (const socket of this.#waiting.keys()) socket.destroy();
  }

  #received(arrival: Arrival, chunk: Buffer): void {
    append(arrival, chunk);
    this.#bytes += chunk.length;
    const { headerBytes } = this.#options;
    const from = Math.max(0, arrival.length - chunk.length - HEADER_END.length + 1);
    const isComplete = arrival.header.subarray(from, arrival.length).includes(HEADER_END);
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

  /** Closes the oldest connections above the limit, in the next turns of the loop. */
  #trim(): void {
    if (this.#isTrimming || !this.#isOver()) return;
    this.#isTrimming = true;
    setImmediate(() => {
      this.#isTrimming = false;
      this.#turn++;
      let closed = 0;
      for (const arrival of this.#waiting.values()) {
        // The loop has read from every connection that was there when its last turn began.
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

  /** Resets the connection, so that the kernel forgets it at once. */
  #evict(arrival: Arrival): void {
    this.#forget(arrival);
    arrival.socket.resetAndDestroy();
    this.#options.evicted();
  }

  #look(): void {
    if (this.#waiting.size === 0) {
      clearInterval(this.#sweep);
      this.#sweep = undefined;
      return;
    }
    const now = performance.now();
    // The loop reads from sockets before it runs immediates. After a pause of the process, headers may still
    // be in the kernel.
    setImmediate(() => this.#closeLate(now));
  }

  /**
   * Closes connections whose header is late.
   * @param now the time at which the sweep began. What had arrived by then has been read since
   */
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

  /** Every removal goes through here. Data of the connection is not received here afterwards. */
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
/** Every method of HTTP begins with a letter. */
const isLetter = (byte: number): boolean => (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);

/**
 * The buffer doubles when it is full, so a header that arrives byte by byte is not copied with every byte.
 */
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
