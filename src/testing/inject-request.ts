// A request as a test writes it, and its translation for the request pipeline.
import { types } from 'node:util';
import { ANYTHING, checkOptions, SIGNAL, SWITCH, shapeOf, TEXT, typeErrorFor } from '../options.js';
import type { InjectedRequest } from '../server/inject-exchange.js';

type Scalar = string | number | boolean | undefined;

/** A request that `inject` and `stream` of a test application send. */
export interface InjectRequest {
  /** @default 'GET' */
  readonly method?: string;
  /** The path begins with `/` and may contain a query. */
  readonly path: string;
  /**
   * Parameters added to the query of the path. A list repeats its name; undefined omits it.
   * @default none
   */
  readonly query?: Readonly<Record<string, Scalar | readonly Scalar[]>>;
  /**
   * Header fields; a list sends a field several times. `host` and `content-length` are added when missing.
   * @default none
   */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /**
   * The body as a value that is sent as JSON, with `content-type: application/json` unless `headers` have
   * another; not together with `body`.
   */
  readonly json?: unknown;
  /** The body as it is sent; not together with `json`. @default none */
  readonly body?: string | Uint8Array;
  /**
   * The IP address of the client.
   * @default '127.0.0.1'
   */
  readonly remoteAddress?: string;
  /**
   * Whether the request comes from another service of the same process: then it may reach `internal` routes,
   * and MAX_IN_FLIGHT does not count it.
   * @default false
   */
  readonly internal?: boolean;
  /** Its abort acts like a client that disconnects. @default none */
  readonly signal?: AbortSignal;
}

const REQUEST = shapeOf<InjectRequest>(
  "{ path: '/users/1' }",
  {
    method: TEXT,
    path: {
      text: 'a path that begins with "/"',
      is: (value) => typeof value === 'string' && value.startsWith('/'),
    },
    query: ANYTHING,
    headers: ANYTHING,
    json: ANYTHING,
    body: {
      text: 'a string or a Uint8Array; an object is sent by "json"',
      is: (value) => typeof value === 'string' || types.isUint8Array(value),
    },
    remoteAddress: TEXT,
    internal: SWITCH,
    signal: SIGNAL,
  },
  ['path'],
);

/**
 * @throws TypeError for an unknown member, for a path without a leading `/`, and for a request with two
 *   bodies
 */
export function injectedRequest(request: InjectRequest | string): InjectedRequest {
  if (typeof request === 'string') return injectedRequest({ path: request });
  checkOptions(request, REQUEST, typeErrorFor('inject'));
  const { method, path, query = {}, headers = {}, json, body, remoteAddress, internal, signal } = request;
  if (json !== undefined && body !== undefined) throw new TypeError('inject: json or body, not both');
  const isTyped = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  return {
    ...(method !== undefined && { method }),
    url: path + queryText(query, path.includes('?')),
    headers: json === undefined || isTyped ? headers : { ...headers, 'content-type': 'application/json' },
    body: json === undefined ? body : JSON.stringify(json),
    ...(remoteAddress !== undefined && { remoteAddress }),
    ...(internal !== undefined && { inProcess: internal }),
    ...(signal !== undefined && { signal }),
  };
}

function queryText(query: NonNullable<InjectRequest['query']>, hasQuery: boolean): string {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    [value]
      .flat()
      .filter((one) => one !== undefined)
      .map((one): [string, string] => [key, String(one)]),
  );
  return pairs.length === 0 ? '' : (hasQuery ? '&' : '?') + new URLSearchParams(pairs).toString();
}
