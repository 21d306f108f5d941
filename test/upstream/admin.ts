// Routes of the admin plane, called without a socket.
import { expect } from 'chai';
import type { AdminRequest, AdminResponse, AdminRoute, ServerSentEvent } from '#src/admin/admin-route.js';
import { checkQuery } from '#src/admin/request-checks.js';
import { HttpError } from '#src/errors.js';
import { sentEvents } from '#test/support/sent-events.js';

export interface AdminOptions {
  readonly body?: unknown;
  readonly grants?: AdminRequest['grants'];
  readonly headers?: Readonly<Record<string, string>>;
}

function paramsOf(pattern: string, path: string): Record<string, string> | undefined {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  if (wanted.length !== given.length) return undefined;
  const params = Object.create(null) as Record<string, string>;
  for (const [index, segment] of wanted.entries()) {
    if (segment.startsWith(':')) params[segment.slice(1)] = decodeURIComponent(given[index]!);
    else if (segment !== given[index]) return undefined;
  }
  return params;
}

export function adminOf(routes: readonly AdminRoute[]) {
  const ask = async (method: string, url: string, options: AdminOptions = {}): Promise<AdminResponse> => {
    const [path = '', search = ''] = url.split('?');
    for (const route of routes) {
      const params = route.method === method ? paramsOf(route.path, path) : undefined;
      if (params === undefined) continue;
      const query = new URLSearchParams(search);
      checkQuery(query, route);
      return route.handler({
        method,
        path,
        params,
        query,
        header: (name) => options.headers?.[name],
        body: options.body,
        requestId: 'r-1',
        remoteAddress: '127.0.0.1',
        grants: options.grants ?? 'all',
        signal: new AbortController().signal,
      });
    }
    return expect.fail(`no route for ${method} ${path}`);
  };
  const refusalOf = async (method: string, url: string, options: AdminOptions = {}): Promise<HttpError> => {
    const error = await ask(method, url, options).then(
      () => expect.fail(`${method} ${url} got a response`),
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(HttpError);
    return error as HttpError;
  };
  return { ask, refusalOf };
}

/** The JSON of a reply, as its client reads it. */
export const jsonOf = ({ json, bytes }: AdminResponse): unknown =>
  JSON.parse(bytes === undefined ? JSON.stringify(json) : String(bytes));

/** Lets the other callbacks of this turn of the event loop run, so that streams get what is to be sent. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Opens the stream of a reply, for a client that is behind when it has this number of events. */
export function listen(reply: AdminResponse, behindAt = Number.POSITIVE_INFINITY) {
  const events: ServerSentEvent[] = [];
  let closed = false;
  let resumed = (): void => undefined;
  const stop = reply.stream!({
    send: (event) => {
      events.push(event);
      return !closed;
    },
    write: (bytes) => {
      events.push(...sentEvents(bytes));
      return !closed;
    },
    get isBehind() {
      return events.length >= behindAt;
    },
    onceRead: (resume) => {
      resumed = resume;
    },
    close: () => {
      closed = true;
    },
  });
  /** The client has read what waited, and is behind again when it has this number of events. */
  const read = (nextAt = Number.POSITIVE_INFINITY): void => {
    behindAt = nextAt;
    resumed();
  };
  return { events, stop, read, closed: () => closed };
}
