// What a client of the admin plane sends, on its way to node's parser. The parser is given one request at a
// time: its header, and the body when the response needs it. A parser that read from the socket itself would
// also parse bodies that nothing waits for, and a body of one-byte chunks costs it a hundred times its length
// in memory and time.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { linger } from './linger.js';

const HEADER_END = Buffer.from('\r\n\r\n');
const NOTHING = Buffer.alloc(0);
const CR = 0x0d;
const LF = 0x0a;

/**
 * `header`: of the next request; `undecided`: a request has begun, and whether its body is needed is not
 * known yet;
 * `body`: it is needed; `responding`: nothing more of this request is needed.
 */
type Phase = 'header' | 'undecided' | 'body' | 'responding';

export class ClientInput {
  readonly #socket: Socket;
  readonly #parse: (chunk: Buffer) => void;
  #phase: Phase = 'header';
  /** The last bytes of the header so far, which its end may begin with. */
  #tail = NOTHING;
  /** Of the body, still to come. */
  #bodyBytes = 0;
  #isUnread = false;
  #isHolding = false;
  /** Requests of which nothing was missing any more. */
  #completed = 0;

  /** @param socket that a server of node:http has just taken over */
  constructor(socket: Socket) {
    const [parse] = socket.listeners('data') as ((chunk: Buffer) => void)[];
    this.#socket = socket;
    this.#parse = parse!;
    // Adding a listener takes the handle of the socket away from the parser.
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    const destroySoon = socket.destroySoon.bind(socket);
    // Called by node:http behind a response that says `connection: close`.
    socket.destroySoon = () => {
      if (this.#isUnread || this.#isHolding) linger(socket);
      else destroySoon();
    };
  }

  /** The request has a body that is not read: its response has to close the connection. */
  get isUnread(): boolean {
    return this.#isUnread;
  }

  /** The parser has read the header of a request. */
  begin({ headers }: IncomingMessage): void {
    this.#bodyBytes = Number(headers['content-length'] ?? 0);
    this.#isUnread = this.#bodyBytes > 0 || headers['transfer-encoding'] !== undefined;
    if (this.#isUnread) this.#phase = 'undecided';
    else this.#complete();
  }

  /** Lets the body through, which has a `content-length`. */
  readBody(): void {
    this.#isUnread = false;
    this.#phase = 'body';
    this.#release();
  }

  /** Call before the response begins: if the body has not been read, it never will be. */
  respond(): void {
    if (this.#phase !== 'responding') this.#complete();
  }

  /** Call after the response: the next request may come. */
  next(): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#phase = 'header';
    this.#release();
  }

  /**
   * The time for the current request is over.
   * @param refuse called unless what was missing of it lay in the kernel, as it may when the process was
   *   stopped
   */
  expire(refuse: () => void): void {
    const completed = this.#completed;
    // The loop reads before it comes to immediates.
    setImmediate(() => {
      if (this.#completed === completed && this.#phase !== 'responding') refuse();
    });
  }

  #received(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      // It was refused: another listener takes what comes.
      if (this.#socket.destroyed || this.#socket.writableEnded) return;
      if (this.#phase === 'header') rest = this.#header(rest);
      else if (this.#phase === 'body') rest = this.#body(rest);
      else {
        this.#hold(rest);
        return;
      }
    }
  }

  /** @returns what is not of the header */
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
    // It is the preface of HTTP/2, for example. One that the parser has refused ends by itself.
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

/** A client may send some before a request (RFC 9112, section 2.2). */
function withoutEmptyLines(chunk: Buffer): Buffer {
  let start = 0;
  while (chunk[start] === CR || chunk[start] === LF) start++;
  return chunk.subarray(start);
}
