// Passes the bytes of a client of the admin plane to the parser of Node.js: one request at a time, and its
// body only when a handler needs it. A parser that reads from the socket itself would also parse bodies that
// no handler reads, and a body in chunks of one byte costs it a hundred times as much memory and time as
// other bodies of that length.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { linger } from './linger.js';

const HEADER_END = Buffer.from('\r\n\r\n');
const NOTHING = Buffer.alloc(0);
const CR = 0x0d;
const LF = 0x0a;

/**
 * `header`: waits for the header of the next request. `undecided`: the header has been read, and it is not
 * known yet whether the body is needed. `body`: passes the body on. `responding`: needs nothing more of this
 * request.
 */
type Phase = 'header' | 'undecided' | 'body' | 'responding';

export class ClientInput {
  readonly #socket: Socket;
  readonly #parse: (chunk: Buffer) => void;
  #phase: Phase = 'header';
  /** The last bytes of an incomplete header: the end of the header may begin in them. */
  #tail = NOTHING;
  /** Bytes of the body that have not arrived. */
  #bodyBytes = 0;
  #isUnread = false;
  #isHolding = false;
  /** The number of requests of which nothing more is read: all that is needed of them has arrived. */
  #completed = 0;

  /** @param socket a connection that a server of node:http has just taken over */
  constructor(socket: Socket) {
    const [parse] = socket.listeners('data') as ((chunk: Buffer) => void)[];
    this.#socket = socket;
    this.#parse = parse!;
    // The parser of node:http reads from the handle of the socket directly until there is another listener
    // for data.
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    const destroySoon = socket.destroySoon.bind(socket);
    // node:http calls `destroySoon` after a response with `connection: close`.
    socket.destroySoon = () => {
      if (this.#isUnread || this.#isHolding) linger(socket);
      else destroySoon();
    };
  }

  /** True for a request whose body is not read: its response has to close the connection. */
  get isUnread(): boolean {
    return this.#isUnread;
  }

  /** Call when the parser has read the header of a request. */
  begin({ headers }: IncomingMessage): void {
    this.#bodyBytes = Number(headers['content-length'] ?? 0);
    this.#isUnread = this.#bodyBytes > 0 || headers['transfer-encoding'] !== undefined;
    if (this.#isUnread) this.#phase = 'undecided';
    else this.#complete();
  }

  /** Passes the body to the parser from now on. The request must have a `content-length`. */
  readBody(): void {
    this.#isUnread = false;
    this.#phase = 'body';
    this.#release();
  }

  /** Call before the response begins. A body that has not been read by then is never read. */
  respond(): void {
    if (this.#phase !== 'responding') this.#complete();
  }

  /** Call after the response, when the next request may be parsed. */
  next(): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#phase = 'header';
    this.#release();
  }

  /**
   * Call when the time for the current request is over. If the process was paused, the rest of the request
   * may have arrived in the kernel meanwhile, so that is read first.
   * @param refuse called when the request is still incomplete after that
   */
  expire(refuse: () => void): void {
    const completed = this.#completed;
    // The loop reads from sockets before it runs immediates.
    setImmediate(() => {
      if (this.#completed === completed && this.#phase !== 'responding') refuse();
    });
  }

  #received(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      // The request was refused, and what its client still sends is discarded (linger.ts).
      if (this.#socket.destroyed || this.#socket.writableEnded) return;
      if (this.#phase === 'header') rest = this.#header(rest);
      else if (this.#phase === 'body') rest = this.#body(rest);
      else {
        this.#hold(rest);
        return;
      }
    }
  }

  /** @returns the bytes behind the header */
  #header(chunk: Buffer): Buffer {
    const bytes = this.#tail.length === 0 ? withoutEmptyLines(chunk) : Buffer.concat([this.#tail, chunk]);
    const known = this.#tail.length;
    const at = bytes.indexOf(HEADER_END);
    if (at === -1) {
      this.#tail = Buffer.from(bytes.subarray(-(HEADER_END.length - 1)));
      if (bytes.length > known) this.#parse(bytes.subarray(known));
      return NOTHING;
    }
    const end = at + HEADER_END.length;
    this.#tail = NOTHING;
    this.#parse(bytes.subarray(known, end));
    const isRequest = this.#phase !== 'header';
    // The parser has accepted a header that begins no request, as it does for the preface of HTTP/2. When the
    // parser refuses a header, refusals.ts ends the connection.
    if (!isRequest && this.#socket.writable) this.#socket.destroy();
    return bytes.subarray(end);
  }

  #body(chunk: Buffer): Buffer {
    const piece = chunk.subarray(0, this.#bodyBytes);
    this.#bodyBytes -= piece.length;
    if (this.#bodyBytes === 0) this.#complete();
    this.#parse(piece);
    return chunk.subarray(piece.length);
  }

  #complete(): void {
    this.#phase = 'responding';
    this.#completed++;
  }

  /** Keeps bytes of the body, or of the next request, in the socket until they may be parsed. */
  #hold(rest: Buffer): void {
    this.#isHolding = true;
    this.#socket.pause();
    this.#socket.unshift(rest);
  }

  #release(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    this.#socket.resume();
  }
}

/** A client may send empty lines before a request (RFC 9112 section 2.2). */
function withoutEmptyLines(chunk: Buffer): Buffer {
  let start = 0;
  while (chunk[start] === CR || chunk[start] === LF) start++;
  return chunk.subarray(start);
}
