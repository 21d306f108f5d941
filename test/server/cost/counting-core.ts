// A core without sockets that counts the calls into it, and hands requests to the handler that a server has
// registered.
import { createRequire } from 'node:module';

export interface SentRequest {
  readonly method: string;
  readonly path: string;
  /** Name, value, name, value… */
  readonly fields: readonly string[];
  readonly body?: Uint8Array;
}

export type Handler = (response: unknown, request: unknown) => void;

/** Calls into the core by the names of its methods. */
export type Calls = Record<string, number>;

type Reader = (chunk: ArrayBuffer, isLast: boolean) => void;

/** What every method of a response does beside its own work: it is counted. */
class CountingResponse {
  readonly #calls: Calls;
  reader: Reader | undefined;
  sent: unknown;

  constructor(calls: Calls) {
    this.#calls = calls;
  }
  #count(name: string): this {
    this.#calls[name] = (this.#calls[name] ?? 0) + 1;
    return this;
  }
  onAborted(): this {
    return this.#count('onAborted');
  }
  onData(reader: Reader): this {
    this.reader = reader;
    return this.#count('onData');
  }
  writeStatus(): this {
    return this.#count('writeStatus');
  }
  writeHeader(): this {
    return this.#count('writeHeader');
  }
  end(body: unknown): this {
    this.sent = body;
    return this.#count('end');
  }
  /** It is counted as `end`: which of the two is called changes from request to request. */
  tryEnd(body: unknown): [boolean, boolean] {
    this.sent = body;
    this.#count('end');
    return [true, true];
  }
  endWithoutBody(): this {
    return this.#count('endWithoutBody');
  }
  cork(write: () => void): this {
    write();
    return this.#count('cork');
  }
  pause(): void {
    this.#count('pause');
  }
  resume(): void {
    this.#count('resume');
  }
  close(): this {
    return this.#count('close');
  }
  getRemoteAddress(): ArrayBuffer {
    this.#count('getRemoteAddress');
    return new ArrayBuffer(4);
  }
}

class CountingRequest {
  readonly #calls: Calls;
  readonly #request: SentRequest;

  constructor(calls: Calls, request: SentRequest) {
    this.#calls = calls;
    this.#request = request;
  }
  #count(name: string): void {
    this.#calls[name] = (this.#calls[name] ?? 0) + 1;
  }
  getCaseSensitiveMethod(): string {
    this.#count('getCaseSensitiveMethod');
    return this.#request.method;
  }
  getUrl(): string {
    this.#count('getUrl');
    return this.#request.path;
  }
  getQuery(): undefined {
    this.#count('getQuery');
    return undefined;
  }
  forEach(field: (name: string, value: string) => void): void {
    this.#count('forEach');
    const { fields } = this.#request;
    for (let i = 0; i < fields.length; i += 2) field(fields[i]!, fields[i + 1]!);
  }
}

/** Finds the handler of a request among those that a server has registered. */
export type Registered = (request: SentRequest) => Handler;

const require = createRequire(import.meta.url);
const CORE = require.resolve('uWebSockets.js');

/** Replaces the addon while `use` runs, for a test in a process that needs the real one as well. */
export function withCountingCore<T>(use: (registered: Registered) => T): T {
  const kept = require.cache[CORE];
  try {
    return use(replaceCore());
  } finally {
    if (kept === undefined) delete require.cache[CORE];
    else require.cache[CORE] = kept;
  }
}

/**
 * Replaces the addon in this thread. Call it before a server is made.
 * @returns a function that finds the handler of a request, as the core does
 */
export function replaceCore(): Registered {
  const handlers = new Map<string, Handler>();
  const adder = (method: string) => (pattern: string, handler: Handler) => {
    handlers.set(`${method} ${pattern}`, handler);
    return app;
  };
  const app: Record<string, unknown> = {
    any: adder(''),
    get: adder('GET'),
    post: adder('POST'),
    put: adder('PUT'),
    patch: adder('PATCH'),
    del: adder('DELETE'),
    filter: () => app,
    ws: () => app,
    close: () => app,
  };
  const core = { App: () => app, _cfg: () => undefined };
  require.cache[CORE] = { id: CORE, filename: CORE, loaded: true, exports: core } as unknown as NodeModule;
  return ({ method, path }) => handlers.get(`${method} ${path}`) ?? handlers.get(' /*')!;
}

/** Sends a request. @returns what was sent as its response, once the handler has written it */
export function send(handler: Handler, request: SentRequest, calls: Calls): unknown {
  const response = new CountingResponse(calls);
  handler(response, new CountingRequest(calls, request));
  const { body } = request;
  if (body !== undefined) response.reader?.(Uint8Array.from(body).buffer, true);
  return response;
}
