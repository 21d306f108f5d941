// One HTTP/1.1 connection that writes any bytes and reads responses one by one. The system tests
// check what fetch hides: broken framing, `Connection: close`, incomplete responses.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { within } from './cluster.js';

const ANSWER_MS = 15_000;

export interface WireResponse {
  readonly status: number;
  /** Lower-case names; a repeated field is joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Whether the server announced that it closes the connection after this response. */
  readonly closes: boolean;
}

export class Wire {
  readonly #socket: Socket;
  readonly #waiting: ((response: WireResponse | undefined) => void)[] = [];
  readonly #responses: WireResponse[] = [];
  readonly #heads: boolean[] = [];
  #received: Buffer = Buffer.alloc(0);
  #ended = false;
  #fault: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#drain();
    });
    // A reset counts as an ordinary end here.
    socket.on('error', (error) => (this.#fault = error));
    socket.on('close', () => {
      this.#ended = true;
      for (const waiting of this.#waiting.splice(0)) waiting(undefined);
    });
  }

  /**
   * @param ca the certificate to trust, PEM, for an https URL
   * @param localAddress default: chosen by the system
   * @throws Error when the connection is refused
   */
  static async open(url: string, ca?: string, localAddress?: string): Promise<Wire> {
    const { protocol, hostname, port } = new URL(url);
    const to = { host: hostname, port: Number(port), noDelay: true, localAddress };
    if (protocol === 'https:') {
      const socket = connectTls({ ...to, ca });
      await once(socket, 'secureConnect');
      return new Wire(socket);
    }
    const socket = connect(to);
    await once(socket, 'connect');
    return new Wire(socket);
  }

  /** CN of the certificate that the server has shown; undefined without TLS. */
  get certificateName(): string | undefined {
    const socket = this.#socket as Partial<TLSSocket>;
    return socket.getPeerCertificate?.().subject.CN as string | undefined;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Why the connection has not ended in order. */
  get fault(): Error | undefined {
    return this.#fault;
  }

  /** Bytes that have come but are not a complete response. */
  get rest(): string {
    return this.#received.toString('latin1');
  }

  write(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Sends a request with a Host field; `fields` are written as they are. */
  request(
    method: string,
    path: string,
    fields: readonly string[] = [],
    body = '',
  ): Promise<WireResponse | undefined> {
    this.#heads.push(method === 'HEAD');
    const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
    const head = [`${method} ${path} HTTP/1.1`, 'Host: test', ...fields, ...length].join('\r\n');
    this.write(`${head}\r\n\r\n${body}`);
    return this.response();
  }

  /** The next response; undefined when the connection ended first. @throws Error after 15 s */
  response(): Promise<WireResponse | undefined> {
    const arrived = this.#responses.shift();
    if (arrived !== undefined || this.#ended) return Promise.resolve(arrived);
    const next = new Promise<WireResponse | undefined>((resolve) => this.#waiting.push(resolve));
    return within(ANSWER_MS, next, () => `no response, only ${JSON.stringify(this.rest.slice(0, 500))}`);
  }

  /** Resolves when the server has closed. @throws Error after 15 s */
  async closed(): Promise<void> {
    if (this.#ended) return;
    // `once` is not used: it rejects for a reset.
    const close = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    await within(ANSWER_MS, close, () => 'the connection stays open');
  }

  /** Closes its own side; the server may still respond. */
  end(): void {
    this.#socket.end();
  }

  /** Stops reading. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #drain(): void {
    for (;;) {
      const parsed = parseAnswer(this.#received, this.#heads[0] ?? false);
      if (parsed === undefined) return;
      if (parsed.response.status >= 200) this.#heads.shift();
      this.#received = this.#received.subarray(parsed.bytes);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#responses.push(parsed.response);
      else waiting(parsed.response);
    }
  }
}

function parseAnswer(bytes: Buffer, head: boolean): { response: WireResponse; bytes: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  const start = end + 4;
  const body = head
    ? { content: Buffer.alloc(0), end: start }
    : headers['transfer-encoding'] === 'chunked'
      ? chunked(bytes, start)
      : sized(bytes, start, Number(headers['content-length'] ?? 0));
  if (body === undefined) return undefined;
  const closes = /\bclose\b/i.test(headers.connection ?? '');
  const status = Number(statusLine.split(' ')[1]);
  return { response: { status, headers, body: body.content, closes }, bytes: body.end };
}

interface Body {
  readonly content: Buffer;
  readonly end: number;
}

function sized(bytes: Buffer, start: number, length: number): Body | undefined {
  if (bytes.length < start + length) return undefined;
  return { content: bytes.subarray(start, start + length), end: start + length };
}

function chunked(bytes: Buffer, start: number): Body | undefined {
  const parts: Buffer[] = [];
  for (let at = start; ; ) {
    const line = bytes.indexOf('\r\n', at);
    if (line === -1) return undefined;
    const size = Number.parseInt(bytes.subarray(at, line).toString('latin1'), 16);
    const data = line + 2;
    // The size is not a number when the core has put its own page into a response under way.
    if (Number.isNaN(size) || bytes.length < data + size + 2) return undefined;
    if (size === 0) return { content: Buffer.concat(parts), end: data + 2 };
    parts.push(bytes.subarray(data, data + size));
    at = data + size + 2;
  }
}
