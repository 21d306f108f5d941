// The answering side of a request, as far as it is the same whether or not the answer is still wanted: status,
// fields, and the ways to say what the body is.
import { AnswerFields } from './answer-fields.js';
import {
  type Coding,
  codingsFor,
  compressed,
  compressing,
  DEFAULT_THRESHOLD_BYTES,
  isCompressible,
} from './compress.js';
import { type CookieOptions, setCookie } from './cookies.js';
import { answerFile } from './file-answer.js';
import type { FileOptions, Sent } from './handler.js';
import { IncomingRequest } from './incoming.js';
import { isJsonValue } from './json-value.js';
import { plainBytes } from './plain-bytes.js';
import { unreported } from './promise.js';
import { type Pieces, StreamSource } from './stream-source.js';
import { classOf, kindOf } from './value-kind.js';

const BYTES = 'application/octet-stream';
/** These never have a body (RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5). */
export const isBodiless = (status: number): boolean => status === 204 || status === 205 || status === 304;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** @throws TypeError for anything but a string */
function checkText(what: string, value: unknown): void {
  if (typeof value !== 'string') throw new TypeError(`${what} must be a string, not ${kindOf(value)}`);
}

export abstract class Responder extends IncomingRequest {
  #statusCode = 0;
  #fields: AnswerFields | undefined;

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
      throw new RangeError(`${code} is not a status of a final answer`);
    }
    this.#statusCode = code;
    return this;
  }

  header(name: string, value: string, { always = false }: { readonly always?: boolean } = {}): this {
    this.fields.set(name, value, always);
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

  /** The status set by the handler, undefined when none is. */
  get chosenStatus(): number | undefined {
    return this.#statusCode === 0 ? undefined : this.#statusCode;
  }

  json(value: unknown): Sent {
    const status = this.#statusCode || 200;
    const serialize = this.plan.responses?.get(status) ?? JSON.stringify;
    const text = serialize(value) as string | undefined;
    if (text === undefined || !isJsonValue(value, text)) {
      throw new TypeError(
        `${this.method} ${this.route} cannot send ${classOf(value)} as JSON: use a plain object or an array, ` +
          'ctx.stream for a stream, ctx.bytes for a Uint8Array, and throw errors',
      );
    }
    return this.#respond(status, 'application/json', text);
  }
  text(value: string): Sent {
    checkText('the value of ctx.text', value);
    return this.#respond(this.#statusCode || 200, 'text/plain; charset=utf-8', value);
  }
  html(value: string): Sent {
    checkText('the value of ctx.html', value);
    return this.#respond(this.#statusCode || 200, 'text/html; charset=utf-8', value);
  }
  bytes(value: Uint8Array, contentType?: string): Sent {
    const bytes = plainBytes('the value of ctx.bytes', value);
    if (contentType !== undefined) this.header('content-type', contentType);
    return this.#respond(this.#statusCode || 200, BYTES, bytes);
  }
  redirect(location: string, status: 301 | 302 | 303 | 307 | 308 = 302): Sent {
    if (!REDIRECTS.has(status)) {
      throw new RangeError(`the status of a redirect is one of ${[...REDIRECTS].join(', ')}`);
    }
    this.header('location', location);
    return this.reply(status, undefined, null);
  }

  file(root: string, path: string, options: FileOptions = {}): Promise<Sent> {
    // Node.js keeps no stack of any error any more when it fails to describe an argument that throws.
    checkText('the root of ctx.file', root);
    checkText('the path of ctx.file', path);
    return unreported(answerFile(this, this.site.baseDir, root, path, options));
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

  protected get fields(): AnswerFields {
    this.#fields ??= new AnswerFields();
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
