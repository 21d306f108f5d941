// A request for a service of this process: the service answers on the connection of the client, as if the
// client had called it without the gateway, but as a stranger.
import type { AbortListener } from '../abort-source.js';
import { isGatewayFailure } from '../errors.js';
import type { TraceContext } from '../scope.js';
import type { App } from '../server/app.js';
import { type RelayEvents, RelayedExchange, type WholeResponse } from '../server/relayed-exchange.js';
import type { RequestContext } from '../server/request-context.js';
import { RequestHead } from '../server/request-head.js';
import type { TakenState } from '../server/response-owner.js';
import { formatTraceparent } from '../telemetry/propagation.js';
import { BufferedResponse, receive } from '../upstream/buffered-response.js';
import { NO_FIELDS } from '../upstream/call-request.js';
import type { Relayed } from '../upstream/stream-call.js';
import type { Received } from '../upstream/transport.js';
import { isUnbelieved } from './passed-fields.js';

export class LocalRelay implements RelayEvents, AbortListener {
  older: AbortListener | undefined;
  newer: AbortListener | undefined;
  readonly #ctx: RequestContext;
  readonly #exchange: RelayedExchange;
  readonly #resolve: (relayed: Relayed) => void;
  readonly #reject: (reason: unknown) => void;
  #isSettled = false;
  /** An application of `node:http` has the connection, so no other instance can respond on it. */
  #isTaken = false;

  private constructor(
    ctx: RequestContext,
    head: RequestHead,
    resolve: (relayed: Relayed) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#ctx = ctx;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#exchange = new RelayedExchange(ctx.exchange, head, this, ctx.plan.bodyLimit);
    ctx.abortSource.listen(this);
  }

  /**
   * @param path of the service, with its query
   * @returns a promise that resolves when the service begins to respond, and rejects when the client has left
   */
  static start(
    app: App,
    ctx: RequestContext,
    service: string,
    path: string,
    trace: TraceContext | undefined,
  ): Promise<Relayed> {
    ctx.leaveBody();
    return new Promise((resolve, reject) => {
      const relay = new LocalRelay(ctx, headOf(ctx, path, trace), resolve, reject);
      app.relay(service, relay.#exchange);
    });
  }

  /** The limit of the gateway announces what is left of it. */
  get fields(): readonly string[] {
    return this.#ctx.response.fields.always;
  }

  /** A failure without effect may be repeated elsewhere, as long as no body was read for it. */
  responded(response: WholeResponse): void {
    const { status } = response;
    const hasBody = this.#ctx.contentLength > 0 || this.#ctx.isChunked;
    const isHeld = isGatewayFailure(status) && !hasBody && !this.#isTaken;
    const commit = (): void => {
      if (this.#ctx.response.handOver() || this.#isTaken) this.#exchange.sendWhole(response);
    };
    if (!isHeld) commit();
    this.#settle({ received: receivedOf(response), commit: isHeld ? commit : undefined });
  }

  began(status: number): void {
    this.#ctx.response.handOver();
    this.#settle({ received: headReceived(status), commit: undefined });
  }

  taken(response: TakenState): void {
    this.#isTaken = true;
    this.#ctx.response.leaveTo(response);
  }

  ended(status: number): void {
    // The service has cut the connection before it responded.
    if (!this.#isSettled) this.began(status);
    this.#ctx.response.complete(status, undefined);
  }

  onAbort(reason: unknown): void {
    this.#isSettled = true;
    this.#reject(reason);
  }

  #settle(relayed: Relayed): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#ctx.abortSource.unlisten(this);
    this.#resolve(relayed);
  }
}

/** The head of the request as its service gets it. */
function headOf(ctx: RequestContext, path: string, trace: TraceContext | undefined): RequestHead {
  const { method, headers, contentLength, isChunked } = ctx.exchange.head;
  const mark = path.indexOf('?');
  const [own, query] = mark === -1 ? [path, ''] : [path.slice(0, mark), path.slice(mark + 1)];
  const head = new RequestHead(method, own, query, false);
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    if (!isUnbelieved(name) && name !== 'traceparent' && name !== 'x-request-id')
      head.add(name, headers[i + 1]!);
  }
  head.add('x-request-id', ctx.requestId);
  if (trace !== undefined) head.add('traceparent', formatTraceparent(trace));
  head.contentLength = contentLength;
  head.isChunked = isChunked;
  head.ownTimeoutMs = ctx.deadline.remainingMs();
  return head;
}

function receivedOf({ status, headers, body }: WholeResponse): Received {
  if (!isGatewayFailure(status)) return headReceived(status);
  const fields = Object.create(null) as Record<string, string>;
  for (let i = 0; i < headers.length; i += 2) fields[headers[i]!] = headers[i + 1]!;
  return receive(status, fields, body ?? '');
}

const headReceived = (status: number): Received => new BufferedResponse(status, NO_FIELDS, '');
