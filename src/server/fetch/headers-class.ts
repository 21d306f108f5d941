// The class `Headers` that code of services gets. It keeps fields in a list: a `Headers` of Node.js takes
// 1 us when it is made, and as much again for each field that is set or listed. The fields of a request stay
// where they have arrived until they are listed or changed. A field that is not plain is passed to a native
// `Headers`, which does everything from then on.
// biome-ignore-all lint/complexity/noArguments: rest parameters would make a list for each call
import { isVisible, type Peer } from '../request-fields.js';
import { byteString } from '../response/field-octets.js';
import {
  addField,
  addFields,
  type FieldsInit,
  fieldName,
  fieldValue,
  isFull,
  isPlainValue,
  removeField,
  replaceField,
  sortedPairs,
} from './field-list.js';
import { countNative, natives, standFor } from './native.js';

/** The fields of a request. */
export interface ArrivedFields extends Peer {
  readonly exchange: {
    readonly head: {
      /** A flat list: name, value, name, value… Names are in lower case. */
      readonly headers: readonly string[];
    };
  };
}

type Accessor = 'get' | 'has' | 'set' | 'append' | 'delete';
type Listener = (value: string, name: string, headers: unknown) => void;

/** Stands for a list until there is one to be changed. */
const NO_LIST: string[] = [];

class Headers {
  #list = NO_LIST;
  /** Has the fields until they are needed in the list. */
  #arrived: ArrivedFields | undefined;
  /** Has the fields from then on. */
  #native: globalThis.Headers | undefined;
  /** The fields as they are listed; undefined when they have changed since. */
  #sorted: [string, string][] | undefined;

  constructor(init?: FieldsInit) {
    if (init === undefined) return;
    const known = listOf(init);
    if (known !== undefined) {
      this.#list = [...known];
      return;
    }
    this.#list = [];
    const left = addFields(this.#list, init);
    if (left !== undefined) this.#native = new (natives().Headers)(left as FieldsInit);
  }

  /** The list that can be read and changed; undefined when the native object has the fields. */
  get #own(): string[] | undefined {
    if (this.#arrived !== undefined) this.#take(this.#arrived);
    if (this.#native !== undefined) return undefined;
    if (this.#list === NO_LIST) this.#list = [];
    return this.#list;
  }

  #take(arrived: ArrivedFields): void {
    this.#arrived = undefined;
    this.#list = [];
    const { headers } = arrived.exchange.head;
    for (let i = 0; i < headers.length; i += 2) {
      if (!isVisible(headers[i]!, arrived)) continue;
      const value = byteString(headers[i + 1]!);
      if (this.#native === undefined && addField(this.#list, headers[i]!, value)) continue;
      this.#toNative().append(headers[i]!, value);
    }
  }

  /** The native object, which has the fields from now on. */
  #toNative(): globalThis.Headers {
    if (this.#native !== undefined) return this.#native;
    const list = this.#own;
    if (this.#native !== undefined) return this.#native;
    const native = new (natives().Headers)();
    for (let i = 0; i < list!.length; i += 2) native.append(list![i]!, list![i + 1]!);
    this.#native = native;
    return native;
  }

  /** @param args as they were passed: the native class refuses a call with too few of them */
  #natively<M extends Accessor>(method: M, args: ArrayLike<unknown>): ReturnType<globalThis.Headers[M]> {
    const native = this.#toNative();
    return Reflect.apply(native[method], native, args) as ReturnType<globalThis.Headers[M]>;
  }

  get(name: string): string | null {
    const field = fieldName(name);
    if (this.#native !== undefined || field === undefined) return this.#natively('get', arguments);
    if (this.#arrived !== undefined) return arrivedValue(this.#arrived, field);
    return fieldValue(this.#list, field);
  }

  has(name: string): boolean {
    const field = fieldName(name);
    if (this.#native !== undefined || field === undefined) return this.#natively('has', arguments);
    return this.get(field) !== null;
  }

  set(name: string, value: string): void {
    const field = fieldName(name);
    const list = this.#own;
    this.#sorted = undefined;
    if (list === undefined || field === undefined || !isPlainValue(value) || isFull(list))
      this.#natively('set', arguments);
    else replaceField(list, field, value);
  }

  append(name: string, value: string): void {
    const list = this.#own;
    this.#sorted = undefined;
    if (list === undefined || !addField(list, name, value)) this.#natively('append', arguments);
  }

  delete(name: string): void {
    const field = fieldName(name);
    const list = this.#own;
    this.#sorted = undefined;
    if (list === undefined || field === undefined) this.#natively('delete', arguments);
    else removeField(list, field);
  }

  getSetCookie(): string[] {
    const list = this.#own;
    if (list === undefined) return this.#toNative().getSetCookie();
    return list.filter((_, i) => i % 2 === 1 && list[i - 1] === 'set-cookie');
  }

  forEach(callback: Listener, thisArg?: unknown): void {
    if (typeof callback !== 'function') this.#toNative().forEach(callback);
    for (const [name, value] of this.#pairs()) Reflect.apply(callback, thisArg, [value, name, this]);
  }
  entries(): IterableIterator<[string, string]> {
    return this.#pairs();
  }
  keys(): IterableIterator<string> {
    return this.#pairs((pair) => pair[0]);
  }
  values(): IterableIterator<string> {
    return this.#pairs((pair) => pair[1]);
  }

  /** Follows changes that are made while it is read, as the standard demands. */
  *#pairs<T = [string, string]>(of?: (pair: [string, string]) => T): Generator<T, undefined, undefined> {
    for (let at = 0; ; at++) {
      const [name, value] = this.#listed()[at] ?? [];
      if (name === undefined) return undefined;
      const pair: [string, string] = [name, value!];
      yield of === undefined ? (pair as T) : of(pair);
    }
  }

  #listed(): [string, string][] {
    const list = this.#own;
    if (list === undefined) return [...this.#native!];
    this.#sorted ??= sortedPairs(list);
    return this.#sorted;
  }

  static arrived(this: void, fields: ArrivedFields): Headers {
    const headers = new Headers();
    headers.#arrived = fields;
    return headers;
  }
  /** @param list belongs to the object from now on */
  static over(this: void, list: string[]): Headers {
    const headers = new Headers();
    headers.#list = list;
    return headers;
  }
  /** The fields of an object of this very class; undefined when others could see them differently. */
  static listOf(this: void, headers: object): readonly string[] | undefined {
    if (typeof headers !== 'object' || headers === null || !(#list in headers)) return undefined;
    if (Object.getPrototypeOf(headers) !== Headers.prototype || Object.hasOwn(headers, Symbol.iterator))
      return undefined;
    return headers.#own;
  }
  /** The fields as they are now, also of one that lists others by an iterator of its own. */
  static copyOf(this: void, headers: object): Headers {
    if (!(#list in headers)) return new Headers(headers as FieldsInit);
    const list = headers.#own;
    return list === undefined ? new Headers(headers.#native) : over([...list]);
  }
  static nativeOf(this: void, headers: Headers): globalThis.Headers {
    return headers.#toNative();
  }
}

function arrivedValue(arrived: ArrivedFields, field: string): string | null {
  if (!isVisible(field, arrived)) return null;
  const list = arrived.exchange.head.headers;
  let found: string | null = null;
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] !== field) continue;
    const value = byteString(list[i + 1]!);
    found = found === null ? value : `${found}${field === 'cookie' ? '; ' : ', '}${value}`;
  }
  return found;
}

const { arrived, over, listOf, copyOf, nativeOf } = Headers;
// Code of services has the class, and these are not for it.
for (const name of ['arrived', 'over', 'listOf', 'copyOf', 'nativeOf']) Reflect.deleteProperty(Headers, name);

/** Call once in a thread, before the first instance is used. */
export function prepareHeaders(): void {
  const native = natives().Headers;
  const { prototype } = Headers;
  Object.defineProperty(prototype, Symbol.iterator, {
    value: Reflect.get(prototype, 'entries') as unknown,
    configurable: true,
    writable: true,
  });
  standFor(prototype, native.prototype, nativeOf);
  countNative(Headers, native);
}

export {
  arrived as arrivedHeaders,
  copyOf as copyOfHeaders,
  Headers as OwnHeaders,
  listOf as listOfHeaders,
  over as headersOver,
};
