// The context that a gRPC handler gets: that of its request, without what only HTTP has. A handler responds
// by what it returns.
import type { RequestContext } from '../request-context.js';
import type { RpcContext } from './rpc-handler.js';

export class RpcCallContext implements RpcContext {
  readonly #ctx: RequestContext;

  constructor(ctx: RequestContext) {
    this.#ctx = ctx;
  }

  get headers(): RpcContext['headers'] {
    return this.#ctx.headers;
  }
  get ip(): string {
    return this.#ctx.ip;
  }
  get requestId(): string {
    return this.#ctx.requestId;
  }
  get traceId(): string {
    return this.#ctx.traceId;
  }
  get signal(): AbortSignal {
    return this.#ctx.signal;
  }
  get deadline(): RpcContext['deadline'] {
    return this.#ctx.deadline;
  }
  get log(): RpcContext['log'] {
    return this.#ctx.log;
  }
  get state(): RpcContext['state'] {
    return this.#ctx.state;
  }
  get path(): string {
    return this.#ctx.path;
  }
  /** @throws UnsendableError for what is no field, and after the first message */
  header(name: string, value: string): this {
    this.#ctx.header(name, value);
    return this;
  }
  toJSON(): ReturnType<RequestContext['toJSON']> {
    return this.#ctx.toJSON();
  }

  // --- what handlers of HTTP have

  status(): never {
    return this.#hasNo('status', 'throw an error, whose code gives the status');
  }
  cookie(): never {
    return this.#hasNo('cookie', 'use ctx.header');
  }
  json(): never {
    return this.#hasNo('json');
  }
  text(): never {
    return this.#hasNo('text');
  }
  html(): never {
    return this.#hasNo('html');
  }
  bytes(): never {
    return this.#hasNo('bytes');
  }
  redirect(): never {
    return this.#hasNo('redirect');
  }
  file(): never {
    return this.#hasNo('file');
  }
  stream(): never {
    return this.#hasNo('stream');
  }
  sse(): never {
    return this.#hasNo('sse');
  }

  #hasNo(member: string, instead = 'return the message, or the messages as an async iterable'): never {
    throw new TypeError(`${this.#ctx.path}: handlers of gRPC have no ctx.${member}: ${instead}`);
  }
}
