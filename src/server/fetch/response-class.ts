// The class `Response` that code of services gets. It keeps body and fields as they were passed: a `Response`
// of Node.js takes 10 to 30 us, most of it for a stream that is not read when the response is sent. Whatever
// is asked of it beyond that is done by a native `Response`, which is made then.
import { types } from 'node:util';
import { isBodiless } from '../outgoing-response.js';
import { addFields, foreignFields, indexOfField } from './field-list.js';
import { copyOfHeaders, headersOver, listOfHeaders } from './headers-class.js';
import { countNative, natives, standFor } from './native.js';

/** What is sent of a response. */
export interface ResponseContent {
  readonly status: number;
  /**
   * A flat list: name, value, name, value… Names are in lower case, values are bytes as Latin-1. Undefined
   * for an object that resembles a response and has other fields.
   */
  readonly fields: readonly string[] | undefined;
  /** Names and values of the fields are those that HTTP has: they were checked when they were set. */
  readonly areChecked: boolean;
  readonly body: string | Uint8Array | ReadableStream<Uint8Array> | null;
  /** The body was read, or is being read, so it cannot be sent. */
  readonly isUsed: boolean;
}

type Init = ResponseInit | null | undefined;
type Given = { -readonly [Name in keyof ResponseInit]: ResponseInit[Name] };
type Body = ConstructorParameters<typeof globalThis.Response>[0];

const TEXT = 'text/plain;charset=UTF-8';
const FORM = 'application/x-www-form-urlencoded;charset=UTF-8';
const JSON_TYPE = 'application/json';
const NO_FIELDS: readonly string[] = [];
/** The fields of a response whose code has set none. */
const OF_TEXT: readonly string[] = ['content-type', TEXT];
const OF_JSON: readonly string[] = ['content-type', JSON_TYPE];

class Response {
  #status = 200;
  /** A flat list, as they were passed. */
  #fields: readonly string[] = NO_FIELDS;
  /** The same, once they were asked for: they may have been changed since. */
  #headers: globalThis.Headers | undefined;
  #body: string | Uint8Array | null = null;
  /** Has the body, once more was asked of it than to be sent. Its fields may be older than those above. */
  #native: globalThis.Response | undefined;

  constructor(body: unknown = null, init?: Init) {
    if (typeof body === 'string' && init === undefined) {
      this.#body = body;
      this.#fields = OF_TEXT;
      return;
    }
    const given = readOnce(init);
    const isForm = typeof body !== 'string' && body instanceof URLSearchParams;
    const isKept = isForm ? this.#keep(body.toString(), given, FORM) : this.#keep(body, given, TEXT);
    if (!isKept) this.#adopt(new (natives().Response)(body as Body, given));
  }

  /**
   * @param init belongs to this call
   * @returns false when only the native class can tell what becomes of the arguments
   */
  #keep(body: unknown, init: Given | undefined, textType: string): boolean {
    const content = body === null || typeof body === 'string' ? body : bytesOf(body);
    if (content === undefined) return false;
    let fields: string[] = [];
    if (init !== undefined) {
      if (typeof init !== 'object') return false;
      const { status = 200, statusText = '', headers } = init;
      if (!Number.isInteger(status) || status < 200 || status > 599 || statusText !== '') return false;
      if (body !== null && isBodiless(status)) return false;
      const known = headers === undefined ? undefined : listOfHeaders(headers);
      if (known !== undefined) fields = [...known];
      else if (headers !== undefined) {
        const left = addFields(fields, headers);
        if (left !== undefined) {
          init.headers = left as NonNullable<Given['headers']>;
          return false;
        }
      }
      this.#status = status;
    }
    if (typeof content === 'string' && indexOfField(fields, 'content-type') === -1)
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
    return this.#ownHeaders;
  }
  /** A class that extends this one may have others. */
  get #ownHeaders(): Headers {
    this.#headers ??= headersOver([...this.#fields]) as unknown as Headers;
    return this.#headers;
  }

  clone(): Response {
    if (this.#native === undefined) {
      const copy = new Response();
      copy.#status = this.#status;
      copy.#body = this.#body;
      if (this.#headers === undefined) copy.#fields = this.#fields;
      else copy.#headers = copyOfHeaders(this.#headers) as unknown as Headers;
      return copy;
    }
    const native = this.#native;
    const { status, statusText, headers: before } = native;
    const copy = native.clone();
    // Fields that were changed in between are those of this object.
    const headers = this.#ownHeaders;
    const isSame = headers === before;
    const own = isSame ? copy : new (natives().Response)(copy.body, { status, statusText, headers });
    return new Response().#adopt(own);
  }

  static json(data: unknown, init?: Init): Response {
    const text: unknown = JSON.stringify(data);
    const response = new Response();
    if (typeof text === 'string' && init === undefined) {
      response.#body = text;
      response.#fields = OF_JSON;
      return response;
    }
    const given = readOnce(init);
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
      const init = { status: this.#status, headers: this.#ownHeaders };
      this.#native = new (natives().Response)(this.#body as Body, init);
      this.#body = null;
    }
    return this.#native;
  }

  /**
   * What code sees of it: an object, or a class that extends this one, may have members of its own. `headers`
   * and `body` of this class are not read, because they would make objects.
   */
  #content(): ResponseContent {
    const { status, bodyUsed } = this;
    const isPlain = hasNoOther(this);
    const headers = isPlain ? (this.#headers ?? this.#fields) : this.headers;
    const checked = headers === this.#fields ? this.#fields : listOfHeaders(headers);
    const fields = checked ?? foreignFields(headers);
    const kept = this.#native === undefined ? this.#body : this.#native.body;
    const body =
      isPlain || !isOverridden(this, 'body') ? kept : (this as unknown as globalThis.Response).body;
    const isUsed = bodyUsed || (body as Partial<ReadableStream> | null)?.locked === true;
    return { status, fields, areChecked: checked !== undefined, body, isUsed };
  }

  /** @returns undefined for a response of another class */
  static contentOf(this: void, response: object): ResponseContent | undefined {
    return #native in response ? response.#content() : undefined;
  }
  static isOwn(this: void, value: object): boolean {
    return #native in value;
  }
  static nativeOf(this: void, response: Response): globalThis.Response {
    return response.#toNative();
  }
}

/** Whether it is of our very class, and has no `headers` and no `body` of its own. */
const hasNoOther = (response: object): boolean =>
  Object.getPrototypeOf(response) === Response.prototype &&
  !Object.hasOwn(response, 'headers') &&
  !Object.hasOwn(response, 'body');

/** Whether code sees another member than that of our class: the object, or a class between, defines one. */
function isOverridden(response: object, name: string): boolean {
  let holder: object | null = response;
  while (holder !== Response.prototype) {
    if (holder === null || Object.hasOwn(holder, name)) return true;
    holder = Object.getPrototypeOf(holder) as object | null;
  }
  return false;
}

/** Reads each member of the options once: the native class may follow. */
function readOnce(init: Init): Given | undefined {
  if (init === undefined || init === null) return undefined;
  if (typeof init !== 'object') return init;
  const { status, statusText, headers } = init;
  // The native class takes members that are undefined for missing ones.
  return { status, statusText, headers } as Given;
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
  // Small ones share memory, because memory of its own costs 1 us.
  const copy = Buffer.allocUnsafe(length);
  copy.set(new Uint8Array(buffer, from, length));
  return copy;
}

const { nativeOf } = Response;
export const { contentOf: ownContentOf, isOwn: isOwnResponse } = Response;
// Code of services has the class, and these are not for it.
for (const name of ['contentOf', 'isOwn', 'nativeOf']) Reflect.deleteProperty(Response, name);

/** Call once in a thread, before the first instance is used. */
export function prepareResponse(): void {
  const native = natives().Response;
  standFor(Response.prototype, native.prototype, nativeOf);
  countNative(Response, native);
  Object.setPrototypeOf(Response, native);
}

export { Response as OwnResponse };
