// The classes of the fetch standard in a thread that serves requests: those of Node.js, and ours in front
// of them. Code of services makes our responses by `new Response` and their fields by `new Headers`, and may
// pass our requests to `new Request` and `fetch`, so these four globals are ours.
import { type Arrived, ArrivedRequest } from './arrived-request.js';
import { foreignFields } from './field-list.js';
import { OwnHeaders, prepareHeaders } from './headers-class.js';
import { countNative, nameAs, natives } from './native.js';
import {
  isOwnResponse,
  OwnResponse,
  ownContentOf,
  prepareResponse,
  type ResponseContent,
} from './response-class.js';

type Name = 'Request' | 'Response' | 'Headers' | 'fetch';
type Globals = Readonly<Record<Name, unknown>>;

/** Made when the first of them is needed, because undici takes 20 ms to load. */
let globals: Globals | undefined;
let areInstalled = false;

function ourGlobals(): Globals {
  if (globals === undefined) {
    globals = makeGlobals();
    nameAs(globals.fetch, natives().fetch);
  }
  return globals;
}

function makeGlobals(): Globals {
  const { Request: Native, fetch: native } = natives();
  class Request extends Native {
    constructor(input: string | URL | globalThis.Request, init?: RequestInit) {
      super(ArrivedRequest.understood(input), init);
    }
  }
  countNative(Request, Native);
  prepareHeaders();
  ArrivedRequest.prepare(Request);
  prepareResponse();
  return {
    Request,
    Response: OwnResponse,
    Headers: OwnHeaders,
    async fetch(input: string | URL | globalThis.Request, init?: RequestInit): Promise<Response> {
      return await native(ArrivedRequest.understood(input), init);
    },
  };
}

/**
 * Makes the classes. A worker does so when an application is mounted, before it is ready: requests that wait
 * while the first of them loads undici would look like a queue in front of the thread.
 */
export function loadFetchClasses(): void {
  ourGlobals();
}

export function requestOf(arrived: Arrived, url: string): Request {
  ourGlobals();
  return ArrivedRequest.of(arrived, url) as unknown as Request;
}

/**
 * Whether it is a response: of ours, of Node.js, or of a package that has the standard's classes once more.
 * Nothing is loaded to find out.
 */
export function isResponse(value: object): value is Response {
  if (isOwnResponse(value)) return true;
  const { status, headers, arrayBuffer } = value as Partial<Response>;
  if (typeof arrayBuffer !== 'function' || typeof status !== 'number') return false;
  return typeof headers === 'object' && headers !== null && Symbol.iterator in headers;
}

/** Whether it is a web stream, as `Response.body` is. */
export const isWebStream = (value: object): value is ReadableStream<Uint8Array> =>
  (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] === 'ReadableStream' &&
  value instanceof ReadableStream;

/** What is to be sent of a response, of ours or of Node.js. */
export function contentOf(response: Response): ResponseContent {
  const own = ownContentOf(response);
  if (own !== undefined) return own;
  const { status, headers, body, bodyUsed } = response;
  const fields = foreignFields(headers);
  return { status, fields, areChecked: false, body, isUsed: bodyUsed || body?.locked === true };
}

/**
 * Replaces the globals, once in a thread. Call it before code of services is loaded, which may keep one of
 * them. Ours are made when one of the four is read. A global that code of services has replaced stays as
 * it is.
 */
export function installFetchGlobals(): void {
  if (areInstalled) return;
  areInstalled = true;
  const waiting = new Set<Name>(['Request', 'Response', 'Headers', 'fetch']);
  const define = (name: Name, value: unknown): void => {
    waiting.delete(name);
    const enumerable = name === 'fetch';
    Object.defineProperty(globalThis, name, { value, enumerable, configurable: true, writable: true });
  };
  for (const name of waiting) {
    Object.defineProperty(globalThis, name, {
      enumerable: name === 'fetch',
      configurable: true,
      get() {
        const ours = ourGlobals();
        for (const each of [...waiting]) define(each, ours[each]);
        return globalThis[name];
      },
      set(value: unknown) {
        define(name, value);
      },
    });
  }
}
