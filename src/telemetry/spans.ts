// The name and the attributes of each kind of span, by OpenTelemetry's semantic conventions
// (https://opentelemetry.io/docs/specs/semconv/). Attributes of requests, calls and statements
// are built only for spans that may be kept.
import type * as semconv from '@opentelemetry/semantic-conventions';
import { grpcStatusOf } from '../errors.js';
import type { SecretPaths } from '../redaction/secret-paths.js';
import type { TraceContext } from '../scope.js';
import type { IncomingTrace, SpanHandle, SpanLink, SpanStart, Tracing } from './span.js';
import { ATTR } from './span-attributes.js';

/** The methods that OpenTelemetry knows; a client may send any other text. */
const METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE'],
]);
const OTHER_METHOD = '_OTHER' satisfies typeof semconv.HTTP_REQUEST_METHOD_VALUE_OTHER;
/** Characters of a method that is not known. */
const MOST_METHOD = 32;
const POSTGRESQL = 'postgresql' satisfies typeof semconv.DB_SYSTEM_NAME_VALUE_POSTGRESQL;
/** The client chooses the port in the field Host. */
const MOST_PORT = 65_535;

export interface ServerRequest extends IncomingTrace {
  /** A call by gRPC; `template` is its method then: `/package.Service/Method`. @default false */
  readonly isRpc?: boolean;
  readonly method: string;
  /** Route as a template, `/api/users/{id}`; undefined when none matched. */
  readonly template: string | undefined;
  /** The path without the query, which may contain secrets, and without secrets in parameters. */
  readonly shownPath: string;
  readonly scheme: 'http' | 'https';
  /** The Host field, including its port if it has one. */
  readonly host?: string | undefined;
  readonly clientAddress?: string | undefined;
  readonly service?: string | undefined;
}

/**
 * The attributes for address and port of `host`, `host:port` or `[IPv6]:port`. A field with an `@` is no host
 * (RFC 9110 section 7.2), and may contain a password.
 */
function serverOf(host = ''): Record<string, string | number | undefined> {
  const [, address, digits] = host.includes('@') ? [] : (/^\[?(.*?)\]?(?::(\d*))?$/.exec(host) ?? []);
  const port = digits ? Number(digits) : undefined;
  const isPort = port !== undefined && port <= MOST_PORT;
  return { [ATTR.serverAddress]: address || undefined, [ATTR.serverPort]: isPort ? port : undefined };
}

/**
 * Begins the span of a request, and decides first whether it is kept: `GET /api/users/{id}`. End it with
 * `endServerSpan`.
 */
export const serverSpan = (tracing: Tracing, request: ServerRequest): SpanHandle =>
  tracing.samples(request) ? keptServerSpan(tracing, request) : tracing.unsampled(request);

/** Begins the span of a request for which `tracing.samples` has decided. */
export const keptServerSpan = (tracing: Tracing, request: ServerRequest): SpanHandle =>
  tracing.keep(request, request.isRpc ? rpcSpanStart(request) : httpSpanStart(request));

function httpSpanStart(request: ServerRequest): SpanStart {
  const { method, template } = request;
  const isKnown = METHODS.has(method);
  const name = isKnown ? method : 'HTTP';
  return {
    name: template === undefined ? name : `${name} ${template}`,
    attributes: {
      [ATTR.httpRequestMethod]: isKnown ? method : OTHER_METHOD,
      [ATTR.httpRequestMethodOriginal]: isKnown ? undefined : method.slice(0, MOST_METHOD),
      [ATTR.httpRoute]: template,
      [ATTR.urlPath]: request.shownPath,
      [ATTR.urlScheme]: request.scheme,
      ...serverOf(request.host),
      [ATTR.clientAddress]: request.clientAddress,
      'multilane.service': request.service,
    },
  };
}

/** The name of a gRPC call is its method: `multilane.orders.v1.OrderService/GetUserOrders`. */
function rpcSpanStart(request: ServerRequest): SpanStart {
  const method = request.template?.slice(1);
  return {
    name: method ?? 'grpc',
    attributes: {
      [ATTR.rpcSystemName]: 'grpc',
      [ATTR.rpcMethod]: method,
      ...serverOf(request.host),
      [ATTR.clientAddress]: request.clientAddress,
      'multilane.service': request.service,
    },
  };
}

/**
 * Ends a server span. Only 5xx and 499 mark it as failed; 4xx is a client's error (semconv, HTTP spans,
 * status).
 */
export function endServerSpan(span: SpanHandle, status: number, errorType?: string): void {
  if (!span.recording) return;
  span.setAttribute(ATTR.httpResponseStatusCode, status);
  span.end(status >= 500 || status === 499 ? (errorType ?? String(status)) : undefined);
}

/** Ends the span of a gRPC call. A status that is the client's error does not mark it as failed. */
export function endRpcServerSpan(span: SpanHandle, status: number, errorType?: string): void {
  if (!span.recording) return;
  const name = errorType === undefined ? 'OK' : grpcStatusOf(errorType, status);
  span.setAttribute(ATTR.rpcStatus, name);
  span.end(status >= 500 || status === 499 ? (errorType ?? name) : undefined);
}

export interface ClientCall {
  readonly method: string;
  /** Name of the called service. */
  readonly service: string;
  /** The path without its query. */
  readonly path: string;
  /** Host of the picked instance; undefined for an in-process call. */
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** @default 'http' */
  readonly scheme?: 'http' | 'https';
  /** 0 for the first attempt. */
  readonly attempt?: number | undefined;
  /** Masks secrets in the path. */
  readonly secretPaths?: Pick<SecretPaths, 'mask'>;
}

/** Begins the span of one attempt of a call to another service: `GET users`. End it with `endClientSpan`. */
export function clientSpan(tracing: Tracing, parent: TraceContext | undefined, call: ClientCall): SpanHandle {
  const name = `${call.method} ${call.service}`;
  if (!mayRecord(tracing, parent)) return tracing.begin(name, 'client', parent);
  const { host, port, scheme = 'http', attempt = 0, secretPaths } = call;
  const path = secretPaths?.mask(call.path) ?? call.path;
  return tracing.begin(name, 'client', parent, {
    [ATTR.httpRequestMethod]: call.method,
    [ATTR.urlPath]: path,
    [ATTR.urlFull]: host === undefined ? undefined : `${scheme}://${authority(host, port)}${path}`,
    [ATTR.serverAddress]: host ?? call.service,
    [ATTR.serverPort]: port,
    [ATTR.httpRequestResendCount]: attempt === 0 ? undefined : attempt,
    'multilane.peer.service': call.service,
  });
}

/** Ends a client span. For the caller every status from 400 up is a failure (semconv, HTTP spans, status). */
export function endClientSpan(span: SpanHandle, status: number | undefined, errorType?: string): void {
  if (!span.recording) return;
  if (status !== undefined) span.setAttribute(ATTR.httpResponseStatusCode, status);
  span.end(errorType ?? (status !== undefined && status >= 400 ? String(status) : undefined));
}

/**
 * Begins the span of one statement: `SELECT users`. It contains only a summary of the parameterized
 * statement, never values.
 */
export function dbSpan(
  tracing: Tracing,
  parent: TraceContext | undefined,
  database: string,
  statement: string,
): SpanHandle {
  if (!mayRecord(tracing, parent)) return tracing.begin('postgresql', 'client', parent);
  const { operation, summary } = summarize(statement);
  return tracing.begin(summary, 'client', parent, {
    [ATTR.dbSystemName]: POSTGRESQL,
    [ATTR.dbNamespace]: database,
    [ATTR.dbOperationName]: operation,
    [ATTR.dbQuerySummary]: summary,
  });
}

/**
 * Begins the span of one attempt of a saga's step: `checkout/capture-payment`, or of its compensation:
 * `checkout/capture-payment/undo`.
 */
export function sagaStepSpan(
  tracing: Tracing,
  parent: TraceContext | undefined,
  step: {
    readonly saga: string;
    readonly step: string;
    readonly sagaId: string;
    readonly attempt: number;
  } & {
    readonly undo?: boolean;
    /** Another worker, or another process, has taken the saga over from a lost one. */
    readonly isRecovered?: boolean;
  },
): SpanHandle {
  const name = `${step.saga}/${step.step}${step.undo ? '/undo' : ''}`;
  const attributes = {
    'multilane.saga': step.saga,
    'multilane.saga.id': step.sagaId,
    'multilane.saga.step': step.step,
    'multilane.saga.attempt': step.attempt,
  };
  if (!step.isRecovered) return tracing.begin(name, 'internal', parent, attributes);
  const { traceId, spanId } = parent ?? {};
  const links = traceId === undefined || spanId === undefined ? [] : [{ traceId, spanId }];
  return tracing.begin(name, 'internal', parent, { ...attributes, 'multilane.saga.recovered': true }, links);
}

export interface SocketMessage {
  /** Route as a template: `/chat/{room}`. */
  readonly template: string;
  readonly service: string;
  readonly bytes: number;
  readonly isBinary: boolean;
  /** The request that opened the socket. */
  readonly requestId: string;
  readonly openedBy: SpanLink;
}

/** What begins without a caller whose decision could be followed. */
export const NO_PARENT: IncomingTrace = { traceparent: undefined, tracestate: undefined, trusted: false };

/**
 * Begins the span of one message that a WebSocket has received, once `tracing.samples(NO_PARENT)` has decided
 * for it: `MESSAGE /chat/{room}`. A socket may be open for days, so each message begins a trace, which links
 * to that of the request that opened the socket.
 */
export function socketMessageSpan(tracing: Tracing, message: SocketMessage): SpanHandle {
  const { template, service, openedBy } = message;
  return tracing.keep(NO_PARENT, {
    name: `MESSAGE ${template}`,
    attributes: {
      [ATTR.httpRoute]: template,
      [ATTR.networkProtocolName]: 'websocket',
      'multilane.service': service,
      'multilane.request.id': message.requestId,
      'multilane.websocket.message.bytes': message.bytes,
      'multilane.websocket.message.type': message.isBinary ? 'binary' : 'text',
    },
    links: [{ traceId: openedBy.traceId, spanId: openedBy.spanId }],
  });
}

/** Begins the span of one task on the CPU pool, from its submission to its result: `cpu invoice`. */
export function cpuSpan(tracing: Tracing, parent: TraceContext | undefined, task: string): SpanHandle {
  return tracing.begin(`cpu ${task}`, 'internal', parent, { 'multilane.cpu.task': task });
}

const mayRecord = (tracing: Tracing, parent: TraceContext | undefined): boolean =>
  tracing.enabled && parent?.sampled !== false;

const authority = (host: string, port: number | undefined): string => {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === undefined ? name : `${name}:${port}`;
};

const TARGET = /\b(?:from|into|update|table)\s+(?:only\s+)?("?[\w.]+"?)/i;

/**
 * The first word and the first table of a statement: low cardinality and no values (semconv, database spans).
 */
export function summarize(statement: string): { readonly operation: string; readonly summary: string } {
  const operation = (/^[\s(]*([a-z]+)/i.exec(statement)?.[1] ?? 'query').toUpperCase();
  const target = TARGET.exec(statement)?.[1]?.replaceAll('"', '');
  return { operation, summary: target === undefined ? operation : `${operation} ${target}` };
}
