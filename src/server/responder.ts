// The answering side of a request, as far as it is the same whether or not the answer is still wanted:
// status, fields, and the ways to say what the body is.
import { types } from 'node:util';
import { checkOptions, SWITCH, shapeOf, TEXT, typeErrorFor } from '../options.js';
import type { FileOptions, Sent } from './handler.js';
import { IncomingRequest } from './incoming-request.js';
import { unreported } from './promise.js';
import {
  type Coding,
  codingsFor,
  compressed,
  compressing,
  DEFAULT_THRESHOLD_BYTES,
  isCompressible,
} from './response/compress.js';
import { type CookieOptions, setCookie } from './response/cookies.js';
import { sendFile } from './response/file-response.js';
import { jsonOf } from './response/json-value.js';
import { plainBytes } from './response/plain-bytes.js';
import { ResponseFields } from './response/response-fields.js';
import { type Pieces, StreamSource } from './response/stream-source.js';
import { UnsendableError } from './response/unsendable.js';
import { kindOf } from './value-kind.js';

const BYTES = 'application/octet-stream';
/** These never have a body (RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5). */
export const isBodiless = (status: number): boolean => status === 204 || status === 205 || status === 304;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

const FILE = shapeOf<FileOptions>("{ index: 'index.html' }", {
  index: TEXT,
  compress: SWITCH,
  precompressed: SWITCH,
});
const fileFault = typeErrorFor('file');

export abstract class Responder extends IncomingRequest {
  #statusCode = 0;
  #fields: ResponseFields | undefined;

  abstract get answered(): boolean;
  /** @throws Error when an answer was given already */
  abstract reply(status: number, contentType: string | undefined, body: string | Uint8Array | null): Sent;
  /** @param length of what the source gives, undefined when nobody knows */
  abstract replyStream(status: number, contentType: string, source: Pieces, length?: number): Sent;
  /** What releasing the source of a streamed response has thrown. */
  abstract sourceFailed(error: unknown): void;
  abstract replyLater(status: number, contentType: string, make: () => Promise<Uint8Array>): Sent;

  status(code: number): this {
    if (!Number.isInteger(code) || code < 200 || code > 599) {
      throw new UnsendableError(
        this,
        `set the status ${typeof code === 'number' ? code : kindOf(code)}: use a whole number from 200 to 599`,
      );
    }
    this.#statusCode = code;
    return this;
  }

  header(name: string, value: string, { always = false }: { readonly always?: boolean } = {}): this {
    try {
      this.fields.set(name, value, always);
    } catch (cause) {
      throw new UnsendableError(
        this,
        'set a header field that cannot be sent: use a name and a value of RFC 9110',
        cause,
      );
    }
    return this;
  }

  vary(name: string): this {
    this.fields.vary(name);
    return this;
  }

  cookie(name: string, value: string, options: CookieOptions = {}): this {
    this.fields.setCookie(name, setCookie(name, value, options));
    return this;
  }

  /** The handler has failed: onError hooks take nothing over from the answer that it was preparing. */
  dropAnswer(): void {
    this.#fields?.replaceBy([]);
    this.#statusCode = 0;
  }

  /** A response of the status that is set now is written by a schema. */
  get isDeclared(): boolean {
    return this.plan.responses?.has(this.#statusCode || 200) ?? false;
  }

  /** The status set by the handler, undefined when none is. */
  get chosenStatus(): number | undefined {
    return this.#statusCode === 0 ? undefined : this.#statusCode;
  }

  /** @throws UnsendableError for what a handler cannot return with the status that is set now */
  checkBody(body: unknown): void {
    if (body !== undefined) {
      if (typeof body !== 'string' || this.isDeclared) this.#jsonOf(body);
      return;
    }
    const { responses } = this.plan;
    if (responses === undefined || (responses.has(204) && (this.#statusCode || 204) === 204)) return;
    throw new UnsendableError(
      this,
      'returned undefined but declares a response: return what its schema describes',
    );
  }

  json(value: unknown): Sent {
    return this.#respond(this.#statusCode || 200, 'application/json', this.#jsonOf(value));
  }

  #jsonOf(value: unknown): string {
    try {
      return jsonOf(value, this.plan.responses?.get(this.#statusCode || 200));
    } catch (error) {
      const { message, cause } = error as Error;
      throw new UnsendableError(this, message, cause);
    }
  }
  text(value: string): Sent {
    this.#checkText('the value of ctx.text', value);
    return this.#respond(this.#statusCode || 200, 'text/plain; charset=utf-8', value);
  }
  html(value: string): Sent {
    this.#checkText('the value of ctx.html', value);
    return this.#respond(this.#statusCode || 200, 'text/html; charset=utf-8', value);
  }
  bytes(value: Uint8Array, contentType?: string): Sent {
    if (!types.isUint8Array(value)) {
      throw new UnsendableError(this, `gave ${kindOf(value)} to ctx.bytes: use a Uint8Array`);
    }
    const bytes = plainBytes('the value of ctx.bytes', value);
    if (contentType !== undefined) this.header('content-type', contentType);
    return this.#respond(this.#statusCode || 200, BYTES, bytes);
  }
  redirect(location: string, status: 301 | 302 | 303 | 307 | 308 = 302): Sent {
    if (!REDIRECTS.has(status)) {
      const known = [...REDIRECTS].join(', ');
      throw new UnsendableError(this, `set a status that is no redirect's: use one of ${known}`);
    }
    this.header('location', location);
    return this.reply(status, undefined, null);
  }

  file(root: string, path: string, options: FileOptions = {}): Promise<Sent> {
    checkOptions(options, FILE, fileFault);
    // Node.js keeps no stack of any error any more when it fails to describe an argument that throws.
    this.#checkText('the root of ctx.file', root);
    this.#checkText('the path of ctx.file', path);
    return unreported(sendFile(this, this.server.baseDir, root, path, options));
  }

  stream(source: Pieces, contentType?: string): Sent {
    try {
      if (contentType !== undefined) this.header('content-type', contentType);
    } catch (error) {
      this.#release(source);
      throw error;
    }
    const status = this.#statusCode || 200;
    const isCoded = this.plan.compress && !this.answered && !isBodiless(status);
    const coding = isCoded ? this.#codingOf(BYTES) : undefined;
    if (coding === undefined) return this.replyStream(status, BYTES, source);
    this.#encoded(coding);
    // Nobody would read what a coder makes of an answer to HEAD.
    const isHead = this.method === 'HEAD';
    return this.replyStream(status, BYTES, isHead ? source : this.#compressing(source, coding));
  }

  /** Nothing will read it. */
  #release(source: unknown): void {
    try {
      new StreamSource(source, (error) => this.sourceFailed(error)).cancel();
    } catch {
      // It cannot be iterated, so there is nothing to release.
    }
  }

  #compressing(source: Pieces, coding: Coding): Pieces {
    return compressing(source, coding, true, (error) => this.sourceFailed(error));
  }

  #checkText(what: string, value: unknown): void {
    if (typeof value === 'string') return;
    throw new UnsendableError(this, `gave ${kindOf(value)} for ${what}: use a string`);
  }

  protected get fields(): ResponseFields {
    this.#fields ??= new ResponseFields();
    return this.#fields;
  }

  /** All fields of the answer but those that frame it. */
  protected fieldList(contentType: string | undefined): string[] {
    if (this.#fields !== undefined) return this.#fields.list(this.requestId, contentType);
    return contentType === undefined
      ? ['x-request-id', this.requestId]
      : ['content-type', contentType, 'x-request-id', this.requestId];
  }

  /** Compressed where the route asks for it and the client takes it. */
  #respond(status: number, contentType: string, body: string | Uint8Array): Sent {
    if (!this.plan.compress || isBodiless(status)) return this.reply(status, contentType, body);
    const coding = this.#codingOf(contentType);
    if (coding === undefined) return this.reply(status, contentType, body);
    // A copy: it is read on another thread, and its memory is still the handler's.
    const bytes = Buffer.from(body);
    if (bytes.length < DEFAULT_THRESHOLD_BYTES) return this.reply(status, contentType, body);
    this.#encoded(coding);
    return this.replyLater(status, contentType, () => compressed(bytes, coding));
  }

  #codingOf(contentType: string): Coding | undefined {
    const type = this.fields.get('content-type') ?? contentType;
    if (!isCompressible(type) || this.fields.get('content-encoding') !== undefined) return undefined;
    this.vary('accept-encoding');
    return codingsFor(this.headers)[0];
  }

  /** What is compressed anew for every client is the same in meaning, not byte by byte. */
  #encoded(coding: Coding): void {
    this.header('content-encoding', coding);
    const etag = this.fields.get('etag');
    if (etag?.startsWith('"')) this.header('etag', `W/${etag}`);
  }
}
