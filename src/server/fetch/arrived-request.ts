// The request that an application of the fetch standard gets. It is a `Request` whose parts are made when
// they are asked for: one of Node.js takes 5 to 15 us. Its body is read by the reader of the request, so
// its bytes count in the bounds of the process in whatever form they are asked for.
import { isUtf8 } from 'node:buffer';
import { HttpError } from '../../errors.js';
import { BodyWait } from '../body/body-wait.js';
import { decodeUtf8 } from '../body/json-body.js';
import { unreported } from '../promise.js';
import { type ArrivedFields, arrivedHeaders, copyOfHeaders } from './headers-class.js';
import { natives, standFor } from './native.js';
import { RefusedBody, type RefusedRequest } from './refused-body.js';

/** A request as it has arrived. */
export interface Arrived extends RefusedRequest {
  readonly method: string;
  readonly request: ArrivedFields;
  /** Announced bytes of the body; -1 without Content-Length. */
  readonly contentLength: number;
  readonly isChunked: boolean;
  readonly signal: AbortSignal;
  readBytes(): Promise<Uint8Array>;
  readWhole(take: (bytes: Uint8Array) => void): BodyWait | Promise<void> | undefined;
  readStream(): AsyncIterable<Uint8Array>;
  cancelStream(): void;
}

/** What a request and its clones have in common. */
interface Shared {
  readonly arrived: Arrived;
  readonly url: string;
  /** There is a clone, so the body is read into memory once, for all of them. */
  isCloned: boolean;
  /** Why the body could not be read. */
  refusal: HttpError | undefined;
}

const UTF_8 = new TextDecoder();
const NO_BYTES = new Uint8Array(0);

/** Text as the standard decodes it: what is no UTF-8 becomes U+FFFD. */
const decode = (bytes: Uint8Array): string => (isUtf8(bytes) ? decodeUtf8(bytes) : UTF_8.decode(bytes));

export class ArrivedRequest {
  readonly #shared: Shared;
  #headers: Headers | undefined;
  /** Undefined until it is asked for. */
  #body: ReadableStream<Uint8Array> | null | undefined;
  #isRead = false;
  /** Begins to read the stream, which does so itself a moment after it was asked for its first piece. */
  #beginStream: (() => void) | undefined;
  /** Has all parts but the body. */
  #native: Request | undefined;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  static of(arrived: Arrived, url: string): ArrivedRequest {
    return new ArrivedRequest({ arrived, url, isCloned: false, refusal: undefined });
  }

  get method(): string {
    return this.#shared.arrived.method;
  }
  get url(): string {
    return this.#shared.url;
  }
  get headers(): Headers {
    this.#headers ??= arrivedHeaders(this.#shared.arrived.request) as unknown as Headers;
    return this.#headers;
  }
  get signal(): AbortSignal {
    return this.#shared.arrived.signal;
  }

  // --- the body

  get #hasBody(): boolean {
    const { method, contentLength, isChunked } = this.#shared.arrived;
    return method !== 'GET' && method !== 'HEAD' && (isChunked || contentLength > 0);
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (this.#body === undefined) {
      if (!this.#hasBody) this.#body = null;
      else this.#body = this.#isRead ? usedStream() : this.#stream();
    }
    return this.#body;
  }
  get bodyUsed(): boolean {
    return this.#isRead;
  }

  #stream(): ReadableStream<Uint8Array> {
    const { arrived, isCloned } = this.#shared;
    let pieces: AsyncIterator<Uint8Array> | undefined;
    let isCancelled = false;
    let first: Promise<IteratorResult<Uint8Array>> | undefined;
    const reading = (): AsyncIterator<Uint8Array> => {
      this.#isRead = true;
      // What was read whole is a stream of one piece.
      if (pieces === undefined && isCloned) void arrived.readBytes();
      pieces ??= arrived.readStream()[Symbol.asyncIterator]();
      return pieces;
    };
    this.#beginStream = () => {
      if (pieces === undefined) first = unreported(nextContent(reading()));
    };
    return new ReadableStream({
      type: 'bytes',
      pull: async (controller) => {
        const begun = first ?? nextContent(reading());
        first = undefined;
        const next = await begun.catch((error: unknown) => {
          // What is not wanted any more was not refused.
          throw isCancelled ? error : this.#refused(error);
        });
        if (next.done === true) {
          controller.close();
          controller.byobRequest?.respond(0);
        }
        // A copy: a stream of bytes takes their memory from its owner, which may be the pool of all buffers.
        else controller.enqueue(Uint8Array.from(next.value));
      },
      // The iterator would return when its read has ended, which may depend on the client.
      cancel: () => {
        isCancelled = true;
        reading();
        arrived.cancelStream();
      },
    });
  }

  /** @returns the error for the application. A refusal is noted. */
  #refused(error: unknown): unknown {
    if (!(error instanceof HttpError)) return error;
    this.#shared.refusal ??= error;
    return new RefusedBody(error, this.#shared.arrived);
  }

  /** Reads the whole body, by one promise. Whether it fails or not, its bytes are not read again. */
  #use<T>(as: (bytes: Uint8Array) => T | Promise<T>): Promise<T> {
    return unreported(
      new Promise((resolve, reject) => {
        if (!this.#hasBody) {
          resolve(as(NO_BYTES));
          return;
        }
        if (this.#isRead || this.#body?.locked === true)
          throw new TypeError('Body is unusable: Body has already been read');
        this.#isRead = true;
        const failed = (error: unknown): void => reject(this.#refused(error));
        const wait = this.#shared.arrived.readWhole((bytes) => resolve(as(bytes)));
        if (wait instanceof BodyWait) wait.start(() => takeOr(failed, wait), failed, true);
        else wait?.catch(failed);
      }),
    );
  }

  text(): Promise<string> {
    return this.#use(decode);
  }
  json(): Promise<unknown> {
    return this.#use((bytes) => JSON.parse(decode(bytes)) as unknown);
  }
  bytes(): Promise<Uint8Array> {
    return this.#use((bytes) => Uint8Array.from(bytes));
  }
  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#use((bytes) => Uint8Array.from(bytes).buffer);
  }
  blob(): Promise<Blob> {
    const type = this.headers.get('content-type') ?? '';
    return this.#use((bytes) => new Blob([bytes as Uint8Array<ArrayBuffer>], { type }));
  }
  formData(): Promise<FormData> {
    const type = this.headers.get('content-type') ?? '';
    return this.#use((bytes) => {
      const init = { headers: { 'content-type': type } };
      return new (natives().Response)(bytes as Uint8Array<ArrayBuffer>, init).formData();
    });
  }

  clone(): ArrivedRequest {
    if (this.#isRead || this.#body?.locked === true)
      throw new TypeError('Request.clone: Body has already been consumed.');
    this.#shared.isCloned = true;
    // A stream that was asked for and not read is made anew, for the bytes that all clones share.
    this.#body = undefined;
    const clone = new ArrivedRequest(this.#shared);
    // They may have been changed since the request has arrived.
    if (this.#headers !== undefined) clone.#headers = copyOfHeaders(this.#headers) as unknown as Headers;
    return clone;
  }

  // --- native requests

  #bare(): Request {
    const { url, method, headers, signal } = this;
    this.#native ??= new (natives().Request)(url, { method, headers, signal });
    return this.#native;
  }

  /** A native request that takes the body over. */
  #whole(): Request {
    const { url, method, headers, signal, body } = this;
    return new (natives().Request)(url, { method, headers, signal, body, duplex: 'half' });
  }

  /** Why the body of a request of this class was refused. */
  static refusalOf(request: object): HttpError | undefined {
    return #shared in request ? request.#shared.refusal : undefined;
  }

  /** Call before the response is sent: a reader of the stream may wait for its first piece already. */
  static beginReading(request: object): void {
    if (#shared in request && request.#body?.locked === true) request.#beginStream?.();
  }

  /** What Node.js understands: a native request for one of this class, and any other value itself. */
  static understood<T>(value: T): T | Request {
    return typeof value === 'object' && value !== null && #shared in value ? value.#whole() : value;
  }

  /**
   * Call once in a thread, before the first instance is used.
   * @param Global the class of the global `Request`
   */
  static prepare(Global: typeof Request): void {
    standFor(ArrivedRequest.prototype, natives().Request.prototype, (request) => request.#bare());
    Object.setPrototypeOf(ArrivedRequest.prototype, Global.prototype);
    Object.defineProperty(ArrivedRequest.prototype, 'constructor', {
      value: Global,
      configurable: true,
      writable: true,
    });
  }
}

function takeOr(failed: (error: unknown) => void, wait: BodyWait): void {
  try {
    wait.take();
  } catch (error) {
    failed(error);
  }
}

async function nextContent(pieces: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
  let next = await pieces.next();
  while (next.done !== true && next.value.byteLength === 0) next = await pieces.next();
  return next;
}

function usedStream(): ReadableStream<Uint8Array> {
  const stream = new ReadableStream<Uint8Array>();
  void stream.cancel();
  return stream;
}
