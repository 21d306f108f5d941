// The body of one request in the forms that a handler asks for: bytes, text, JSON, a form, the parts of an
// upload, a stream. body/body.ts receives the bytes.
import type { HttpError } from '../errors.js';
import { type BodyOwner, RequestBody } from './body/body.js';
import { BodyClaim } from './body/body-claim.js';
import { BodyWait } from './body/body-wait.js';
import { parseForm } from './body/form.js';
import { decodeUtf8, parseJson } from './body/json-body.js';
import { isFormType, isMultipartType, refuseCoding, unsupportedType } from './body/media-type.js';
import { checkLimits, type Part, type PartLimits, readParts } from './body/multipart.js';
import type { IncomingRequest } from './incoming-request.js';
import { unreported, unreportedIterator } from './promise.js';
import type { QueryValues } from './request-fields.js';

export class BodyReader {
  readonly #request: IncomingRequest;
  readonly #owner: BodyOwner;
  #body: RequestBody | undefined;
  #bytes: Promise<Uint8Array> | undefined;
  /** A step reads the whole body. */
  #isWhole = false;
  #isStreamed = false;

  constructor(request: IncomingRequest, owner: BodyOwner) {
    this.#request = request;
    this.#owner = owner;
  }

  /** @throws Error when the body is read as a stream: a body has one reader */
  readBytes(): Promise<Uint8Array> {
    if (this.#isStreamed) throw new Error('the body is read as a stream already');
    this.#bytes ??= unreported(this.receive().whole());
    return this.#bytes;
  }

  /**
   * Reads the whole body for a step.
   * @param take gets the bytes
   * @returns undefined when it has been called, else what the request has to wait for
   */
  readWhole(take: (bytes: Uint8Array) => void): BodyWait | Promise<void> | undefined {
    // A hook has read it already, or reads it now.
    if (this.#bytes !== undefined || this.#isStreamed) return this.readBytes().then(take);
    this.#isWhole = true;
    const body = this.receive();
    if (!body.isComplete) return new BodyWait(body, take);
    take(body.taken());
    return undefined;
  }

  readText(): Promise<string> {
    return this.#parsed(decodeUtf8);
  }

  readJson(): Promise<unknown> {
    return this.#parsed(parseJson);
  }

  readForm(): Promise<QueryValues> {
    return this.#parsed(parseForm, () => {
      if (!isFormType(this.#request.headers.get('content-type'))) {
        throw unsupportedType('application/x-www-form-urlencoded');
      }
    });
  }

  readParts(limits: PartLimits = {}): AsyncIterable<Part> {
    checkLimits(limits);
    const { headers } = this.#request;
    const type = headers.get('content-type');
    if (type === undefined || !isMultipartType(type)) throw unsupportedType('multipart/form-data');
    refuseCoding(headers);
    return unreportedIterator(readParts(this.readStream(), type, limits));
  }

  /** @throws Error when it is called a second time */
  readStream(): AsyncIterable<Uint8Array> {
    if (this.#isStreamed) throw new Error('the body is read as a stream already');
    if (this.#bytes !== undefined || this.#isWhole) return unreportedIterator(onePiece(this.readBytes()));
    this.#isStreamed = true;
    return unreportedIterator(this.receive().stream());
  }

  /** Ends the reading as a stream, also while it waits. What is read as a whole is kept for its readers. */
  cancelStream(): void {
    if (this.#isStreamed) this.#body?.release();
  }

  #parsed<T>(parse: (bytes: Uint8Array) => T, check?: () => void): Promise<T> {
    const reading = async (): Promise<T> => {
      check?.();
      refuseCoding(this.#request.headers);
      return parse(await this.readBytes());
    };
    return unreported(reading());
  }

  /**
   * Begins to receive the body if that has not begun. The exchange offers it in the request callback only.
   */
  receive(): RequestBody {
    const request = this.#request;
    const { server, exchange } = request;
    this.#body ??= new RequestBody({
      exchange,
      wheel: server.wheel,
      turnEnd: server.turnEnd,
      claim: exchange.head.inProcess ? undefined : new BodyClaim(server.quotas, () => request.addressKey),
      owner: this.#owner,
      limit: request.plan.bodyLimit,
      contentLength: request.contentLength,
    });
    return this.#body;
  }

  /** Call when the response is complete: the rest of the body is lost, unless a reader waits for it. */
  stop(): void {
    this.#body?.stop();
  }

  /** Call when the request has ended. @param reason what has ended it early */
  release(reason: HttpError | undefined): void {
    if (reason === undefined) this.#body?.leave();
    else this.#body?.release(reason);
  }
}

async function* onePiece(bytes: Promise<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  yield await bytes;
}
