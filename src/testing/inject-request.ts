// A request as a test writes it, and what the pipeline is handed for it.
import type { InjectedRequest } from '../server/inject-exchange.js';

type Scalar = string | number | boolean | undefined;

export interface InjectRequest {
  /** Default GET. */
  readonly method?: string;
  /** Begins with `/`; may hold a query. */
  readonly path: string;
  /** Added to that of the path; a list repeats its key, undefined leaves it out. */
  readonly query?: Readonly<Record<string, Scalar | readonly Scalar[]>>;
  /** `host` and `content-length` are added where they are missing. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Sent as application/json. Instead of `body`. */
  readonly json?: unknown;
  readonly body?: string | Uint8Array;
  /** Of the client. Default 127.0.0.1. */
  readonly remoteAddress?: string;
  /**
   * As another service of the same process: may reach `internal` routes, and MAX_IN_FLIGHT does not count it.
   * Default false.
   */
  readonly internal?: boolean;
  /** The client leaves. */
  readonly signal?: AbortSignal;
}

/** @throws TypeError for a path that is none, and for two bodies */
export function injectedRequest(request: InjectRequest | string): InjectedRequest {
  if (typeof request === 'string') return injectedRequest({ path: request });
  const { method, path, query = {}, headers = {}, json, body, remoteAddress, internal, signal } = request;
  if (typeof path !== 'string' || !path.startsWith('/')) {
    throw new TypeError(`inject: path must begin with "/", not ${JSON.stringify(path)}`);
  }
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

function queryText(query: NonNullable<InjectRequest['query']>, goesOn: boolean): string {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    [value]
      .flat()
      .filter((one) => one !== undefined)
      .map((one): [string, string] => [key, String(one)]),
  );
  return pairs.length === 0 ? '' : (goesOn ? '&' : '?') + new URLSearchParams(pairs).toString();
}
