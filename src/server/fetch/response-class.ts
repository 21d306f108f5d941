// The class `Response` that code of services gets. It keeps body and fields as they were passed: a `Response`
// of Node.js takes 10 to 30 us, most of it for a stream that is not read when the response is sent. Whatever
// is asked of it beyond that is done by a native `Response`, which is made then.
import { types } from 'node:util';
import { isBodiless } from '../outgoing-response.js';
import { isToken } from '../response/token.js';
import { countNative, natives, standFor } from './native.js';

/** What is sent of a response. */
export interface ResponseContent {
  readonly status: number;
  /** A flat list: name, value, name, value… Names are in lower case, values are bytes as Latin-1. */
  readonly fields: readonly string[];
  readonly body: string | Uint8Array | ReadableStream<Uint8Array> | null;
  /** The body was read, or is being read, so it cannot be sent. */
  readonly isUsed: boolean;
}

type Init = ResponseInit | null | undefined;
type Body = ConstructorParameters<typeof globalThis.Response>[0];

const TEXT = 'text/plain;charset=UTF-8';
const FORM = 'application/x-www-form-urlencoded;charset=UTF-8';
const JSON_TYPE = 'application/json';
/** A value that the native class takes as it is. */
const VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;

class Response {
  #status = 200;
  /** A flat list, as they were passed. */
  #fields: readonly string[] = [];
  /** The same, once they were asked for: they may have been changed since. */
  #headers: Headers | undefined;
  #body: string | Uint8Array | null = null;
  /** Has the body, once more was asked of it than to be sent. Its fields may be older than those above. */
  #native: globalThis.Response | undefined;

  constructor(body: unknown = null, init?: Init) {
    const given = readOnce(init);
    const isKept =
      body instanceof URLSearchParams
        ? this.#keep(body.toString(), given, FORM)
        : this.#keep(body, given, TEXT);
    if (!isKept) this.#adopt(new (natives().Response)(body as Body, given));
  }

  /** @returns false when only the native class can tell what becomes of the arguments */
  #keep(body: unknown, init: ResponseInit | undefined, textType: string): boolean {
    const content = body === null || typeof body === 'string' ? body : bytesOf(body);
    if (content === undefined) return false;
    const fields: string[] = [];
    if (init !== undefined) {
      if (typeof init !== 'object') return false;
      const { status = 200, statusText = '', headers } = init;
      if (!Number.isInteger(status) || status < 200 || status > 599 || statusText !== '') return false;
      if (body !== null && isBodiless(status)) return false;
      if (headers !== undefined && !addFields(fields, headers)) return false;
      this.#status = status;
    }
    if (typeof content === 'string' && indexOf(fields, 'content-type') === -1)
      fields.push('content-type', textType);
    this.#fields = fields;
    this.#body = content;
    return true;
  }

  #adopt(native: globalThis.Response): this {
    this.#native = native;
    this.#headers = native.headers;
    this.#status = native.status;
    return this;
  }

  get status(): number {
    return this.#status;
  }
  get ok(): boolean {
    return this.#status >= 200 && this.#status < 300;
  }
  get bodyUsed(): boolean {
    return this.#native?.bodyUsed ?? false;
  }
  get headers(): Headers {
    if (this.#headers === undefined) {
      const fields = this.#fields;
      this.#headers = new (natives().Headers)();
      for (let i = 0; i < fields.length; i += 2) this.#headers.append(fields[i]!, fields[i + 1]!);
    }
    return this.#headers;
  }

  clone(): Response {
    const native = this.#toNative();
    const { status, statusText, headers: before } = native;
    const copy = native.clone();
    // Fields that were changed in between are those of this object.
    const { headers } = this;
    const isSame = headers === before;
    const own = isSame ? copy : new (natives().Response)(copy.body, { status, statusText, headers });
    return new Response().#adopt(own);
  }

  static json(data: unknown, init?: Init): Response {
    const text: unknown = JSON.stringify(data);
    const given = readOnce(init);
    const response = new Response();
    if (typeof text === 'string' && response.#keep(text, given, JSON_TYPE)) return response;
    return response.#adopt(natives().Response.json(data, given));
  }
  static redirect(...args: Parameters<typeof globalThis.Response.redirect>): Response {
    return new Response().#adopt(natives().Response.redirect(...args));
  }
  static error(): Response {
    return new Response().#adopt(natives().Response.error());
  }

  #toNative(): globalThis.Response {
    if (this.#native === undefined) {
      const init = { status: this.#status, headers: this.headers };
      this.#native = new (natives().Response)(this.#body as Body, init);
      this.#body = null;
    }
    return this.#native;
  }

  #content(): ResponseContent {
    const native = this.#native;
    const body = native === undefined ? this.#body : native.body;
    const isUsed = native !== undefined && (native.bodyUsed || native.body?.locked === true);
    const fields = this.#headers === undefined ? this.#fields : [...this.#headers].flat();
    return { status: this.#status, fields, body, isUsed };
  }

  /** @returns undefined for a response of another class */
  static contentOf(this: void, response: object): ResponseContent | undefined {
    return #native in response ? response.#content() : undefined;
  }
  static nativeOf(this: void, response: Response): globalThis.Response {
    return response.#toNative();
  }
}

/**
 * Reads each member of the options once, and an iterator of fields to its end: the native class may follow.
 */
function readOnce(init: Init): ResponseInit | undefined {
  if (init === undefined || init === null) return undefined;
  if (typeof init !== 'object') return init;
  const { status, statusText, headers } = init;
  return {
    ...(status !== undefined && { status }),
    ...(statusText !== undefined && { statusText }),
    ...(headers !== undefined && { headers: listOf(headers) }),
  };
}

function listOf(headers: NonNullable<ResponseInit['headers']>): NonNullable<ResponseInit['headers']> {
  const isList = typeof headers === 'object' && headers !== null && Symbol.iterator in headers;
  return isList ? [...(headers as Iterable<[string, string]>)] : headers;
}

/**
 * @returns a copy, because their owner may write to the bytes before they are sent; undefined for no
 *   bytes, and for
 *   memory that only the native class can judge: shared and resizable one
 */
function bytesOf(body: unknown): Uint8Array | undefined {
  const isView = ArrayBuffer.isView(body);
  const buffer = isView ? body.buffer : body;
  if (!types.isArrayBuffer(buffer) || (buffer as { readonly resizable?: boolean }).resizable === true)
    return undefined;
  const [from, length] = isView ? [body.byteOffset, body.byteLength] : [0, buffer.byteLength];
  return new Uint8Array(buffer.slice(from, from + length));
}

/** @returns false for fields that only the native class can judge */
function addFields(fields: string[], headers: NonNullable<ResponseInit['headers']>): boolean {
  if (typeof headers !== 'object' || headers === null) return false;
  const pairs: readonly unknown[] = Array.isArray(headers) ? headers : Object.entries(headers);
  return pairs.every(
    (pair) => Array.isArray(pair) && pair.length === 2 && addField(fields, pair[0], pair[1]),
  );
}

function addField(fields: string[], name: unknown, value: unknown): boolean {
  if (typeof name !== 'string' || typeof value !== 'string' || !isToken(name) || !VALUE.test(value))
    return false;
  const field = name.toLowerCase();
  // Only cookies have lines of their own (WHATWG Fetch, "get, decode, and split").
  const at = field === 'set-cookie' ? -1 : indexOf(fields, field);
  if (at === -1) fields.push(field, value);
  else fields[at + 1] = `${fields[at + 1]!}, ${value}`;
  return true;
}

function indexOf(fields: readonly string[], name: string): number {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return i;
  return -1;
}

const { nativeOf } = Response;
export const { contentOf: ownContentOf } = Response;
// Code of services has the class, and these two are not for it.
for (const name of ['contentOf', 'nativeOf']) Reflect.deleteProperty(Response, name);

/** Call once in a thread, before the first instance is used. */
export function prepareResponse(): void {
  const native = natives().Response;
  standFor(Response.prototype, native.prototype, nativeOf);
  countNative(Response, native);
  Object.setPrototypeOf(Response, native);
}

export { Response as OwnResponse };
