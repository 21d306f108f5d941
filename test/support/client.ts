// Requests by fetch with JSON bodies.
import { Agent, getGlobalDispatcher, setGlobalDispatcher } from 'undici';

export const get = (url: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(url, { headers, redirect: 'manual' });

export function post(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

export function put(url: string, body?: unknown): Promise<Response> {
  return fetch(url, {
    method: 'PUT',
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
}

/**
 * Closes the connections that `fetch` keeps open and no request uses. A worker that drains waits for each of
 * them until
 * `fetch` closes it by itself, four seconds after its last response.
 */
export function closeIdleConnections(): void {
  const kept = getGlobalDispatcher();
  setGlobalDispatcher(new Agent());
  void kept.close();
}

/** The JSON body of a response. @throws Error with the response when it has another status */
export async function json<T>(response: Response, status = 200): Promise<T> {
  const text = await response.text();
  if (response.status !== status) throw new Error(`expected ${status}, got ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

/** A name that no other test uses, in this run or an earlier one. */
export const unique = (prefix: string): string => `${prefix}-${crypto.randomUUID()}`;

export const uniqueEmail = (): string => `${crypto.randomUUID()}@example.com`;
