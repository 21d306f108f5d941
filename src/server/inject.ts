// Requests without a socket through the same pipeline as all others: for tests, and for calls to a service
// that is mounted in this worker.
import { Readable } from 'node:stream';
import { appended } from '../appended.js';
import type { App } from './app.js';
import { clientClosed } from './body/body.js';
import { unsentFault } from './framing.js';
import { type FieldRecord, InjectExchange, type InjectedRequest, type Receiver } from './inject-exchange.js';

const NO_BYTES = Buffer.alloc(0);

export interface InjectedResponse {
  readonly status: number;
  readonly headers: FieldRecord;
  /** Bytes that belong to the receiver. */
  readonly body: Uint8Array;
}

/** A response that has begun. */
export interface InjectedStream {
  readonly status: number;
  readonly headers: FieldRecord;
  /** The body as it arrives, with backpressure. Destroying it before its end means that the client leaves. */
  readonly body: Readable;
}

/** A response whose body may still be the text that the service has sent, in place of its bytes in UTF-8. */
export interface InjectedContent {
  readonly status: number;
  readonly headers: FieldRecord;
  readonly body: Uint8Array | string;
}

/** The bound of a response body. */
export interface ResponseBound {
  readonly maxBytes: number;
  /** Creates the error that the request is rejected with when the body is longer. */
  exceeded(): Error;
}

/**
 * Resolves with the whole response.
 * @throws the reason of the signal; HttpError CLIENT_CLOSED when the connection is cut without a response
 */
export async function inject(app: App, request: InjectedRequest): Promise<InjectedResponse> {
  const { status, headers, body } = await injectText(app, request);
  return { status, headers, body: typeof body === 'string' ? Buffer.from(body) : body };
}

/**
 * Does the same, but a body that the service has sent as a text stays one, and is not turned into bytes.
 * @param bound of the body. Default: the body may have any length
 * @throws as `inject`; the error of `bound` for a longer body, whose request then ends as if its client had
 *   left
 */
export function injectText(
  app: App,
  request: InjectedRequest,
  bound?: ResponseBound,
): Promise<InjectedContent> {
  return new Promise((resolve, reject) => {
    throwIfAborted(request);
    const response = new WholeResponse(resolve, reject, bound);
    const exchange = new InjectExchange(request, response);
    response.exchange = exchange;
    handleInjected(app, exchange, request);
  });
}

/** Serves a request, or refuses it because it is larger than its limits. Throws as `App.handle`. */
export function handleInjected(
  app: App,
  exchange: InjectExchange,
  { limits, isRpc }: Pick<InjectedRequest, 'limits' | 'isRpc'>,
): void {
  const fault = limits === undefined || isRpc === true ? undefined : unsentFault(exchange.head, limits);
  if (fault === undefined) app.handle(exchange);
  else app.refuse(exchange, fault);
}

/** Resolves when the response begins. @throws as `inject`; a later error destroys the body */
export function injectStream(app: App, request: InjectedRequest): Promise<InjectedStream> {
  return new Promise((resolve, reject) => {
    throwIfAborted(request);
    const leave = (): void => exchange.leave(clientClosed());
    const exchange = new InjectExchange(request, new StreamedBody(resolve, reject, leave));
    app.handle(exchange);
  });
}

function throwIfAborted({ abort, signal }: InjectedRequest): void {
  const { aborted = false, reason } = abort ?? signal ?? {};
  if (aborted) throw reason;
}

/** Collects the whole response. */
class WholeResponse implements Receiver {
  readonly #resolve: (response: InjectedContent) => void;
  readonly fail: (reason: unknown) => void;
  readonly #bound: ResponseBound | undefined;
  /** The client leaves it when the body is longer than `bound` allows before its end. */
  exchange: InjectExchange | undefined;
  #begun: { readonly status: number; readonly headers: FieldRecord } | undefined;
  #body: Buffer = NO_BYTES;
  /** How many bytes of `#body` have arrived. */
  #length = 0;

  constructor(
    resolve: (response: InjectedContent) => void,
    reject: (reason: unknown) => void,
    bound: ResponseBound | undefined,
  ) {
    this.#resolve = resolve;
    this.fail = reject;
    this.#bound = bound;
  }

  whole(status: number, headers: FieldRecord, body: Uint8Array | string, length: number): void {
    const reason = this.#exceeded(length);
    if (reason === undefined) this.#resolve({ status, headers, body });
    else this.fail(reason);
  }

  begin(status: number, headers: FieldRecord): void {
    this.#begun = { status, headers };
  }

  write(chunk: Uint8Array): undefined {
    const length = this.#length + chunk.length;
    const reason = this.#exceeded(length);
    if (reason !== undefined) {
      this.exchange?.leave(reason);
      return;
    }
    this.#body = appended(this.#body, this.#length, chunk);
    this.#length = length;
  }

  end(): void {
    this.#resolve({ ...this.#begun!, body: this.#body.subarray(0, this.#length) });
  }

  /** @param length of the body @returns the error when it is too long */
  #exceeded(length: number): Error | undefined {
    const bound = this.#bound;
    return bound !== undefined && length > bound.maxBytes ? bound.exceeded() : undefined;
  }
}

/** Passes the response on as it arrives. */
class StreamedBody implements Receiver {
  readonly #resolve: (response: InjectedStream) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #body: Readable;
  #isOver = false;
  /** Settles the promise of the writer that waits until more can be taken. */
  #wanted: { resolve(): void; reject(reason: unknown): void } | undefined;

  /** @param leave called when the reader destroys the body before its end */
  constructor(
    resolve: (response: InjectedStream) => void,
    reject: (reason: unknown) => void,
    leave: () => void,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#body = new Readable({
      read: () => {
        this.#wanted?.resolve();
        this.#wanted = undefined;
      },
      destroy: (error, done) => {
        this.#wanted?.reject(clientClosed());
        if (!this.#isOver) leave();
        done(error);
      },
    });
    // A reader gets the error. Without one it must not end the process.
    this.#body.on('error', () => {});
  }

  whole(status: number, headers: FieldRecord, body: Uint8Array | string): void {
    this.begin(status, headers);
    if (body.length > 0) this.#body.push(body);
    this.end();
  }

  begin(status: number, headers: FieldRecord): void {
    this.#resolve({ status, headers, body: this.#body });
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#body.push(chunk)) return undefined;
    return new Promise((resolve, reject) => {
      this.#wanted = { resolve, reject };
    });
  }

  end(): void {
    this.#isOver = true;
    this.#body.push(null);
  }

  fail(reason: unknown): void {
    this.#isOver = true;
    this.#reject(reason);
    this.#body.destroy(reason instanceof Error ? reason : clientClosed());
  }
}
