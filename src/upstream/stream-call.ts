// A call whose request and response are streams. Instances, breakers, ejection, retry budget and deadline are
// those of every call (call-service.ts). A request is repeated under the same rules, as long as nothing of a
// body that arrives was read: bytes that were passed on once are gone.
import { FINAL_FIELD, HttpError, isGatewayFailure, LOAD_FIELD } from '../errors.js';
import { type Endpoint, schemeOf } from '../registry/endpoint.js';
import type { AttemptEnd } from '../resilience/policy.js';
import { mayRepeat } from '../resilience/retry.js';
import type { TraceContext } from '../scope.js';
import { headersOf } from './attempt-request.js';
import { receive } from './buffered-response.js';
import { Attempt, isDisplaced } from './call-attempt.js';
import { type CallRequest, NO_FIELDS, type StreamedContent } from './call-request.js';
import { type RepetitionOptions, retryOf, type ServiceCallDependencies } from './call-service.js';
import { certainError } from './certain-result.js';
import type { AdmittedEndpoint } from './endpoint-admission.js';
import { isEventStream } from './event-responses.js';
import type { HttpStream, StreamRequest } from './http-stream.js';
import { endToEnd, type HttpTransport } from './http-transport.js';
import type { OngoingCall } from './ongoing-call.js';
import { admitStream, type ConnectionClaim, withdraw } from './stream-admission.js';
import type { Received } from './transport.js';

export interface StreamCallDependencies extends ServiceCallDependencies {
  /**
   * The connections of streamed calls. They carry no other calls: a stream may hold its connection for hours,
   * and an endpoint that is made to confuse the requests of a stranger must not have those of services
   * beside them.
   */
  readonly streams: StreamTransport;
}

/** A transport whose responses are read as they arrive. */
export type StreamTransport = Pick<HttpTransport, 'stream'>;

/** A call, the same for every endpoint. The mesh token is added to its fields only by `fields`. */
export interface StreamCallRequest extends CallRequest {
  /** The whole body, which may be sent several times. @default that of `content` */
  readonly body: Uint8Array | string | undefined;
  /**
   * Makes the fields of one attempt, beside `headers`: a flat list with names in lower case, which belongs to
   * the caller.
   */
  readonly fields: (endpoint: Endpoint) => string[];
  /**
   * The value of `Host` for endpoints that are reached without TLS. Over TLS they get their own address, for
   * which their certificate has to be valid.
   * @default the address of the endpoint
   */
  readonly host?: string;
  readonly content: StreamedContent | undefined;
}

/** What an endpoint in this thread has done with a call. */
export interface Relayed {
  /** Its response, for the verdict. */
  readonly received: Received;
  /** Sends the response; undefined: it is sent already, so the call must not be repeated. */
  readonly commit: (() => void) | undefined;
}

export interface StreamCallOptions extends RepetitionOptions {
  /**
   * Reaches endpoints in this thread.
   * @default they are called over the network
   */
  readonly inProcess?: StreamTransport | undefined;
  /**
   * Lets an endpoint in this thread respond by itself. It is called before `callStream` returns when such an
   * endpoint gets the first attempt.
   * @default such an endpoint is called over the network
   */
  readonly relay?: (endpoint: Endpoint, trace: TraceContext | undefined) => Promise<Relayed>;
  /**
   * Bounds the connections of one client.
   * @default a client may hold all
   */
  readonly claim?: ConnectionClaim;
  /**
   * Whether a response counts as begun with the first byte of its body, so that until then its attempt may
   * fail, be late, and be repeated. A stream of events always begins with its head.
   * @default false: with its head
   */
  readonly awaitsBody?: boolean;
}

/** The response of an endpoint. */
export interface StreamedResponse {
  readonly stream: HttpStream;
  /** The whole body, where it was read already. */
  readonly body: Uint8Array | undefined;
}

/** The longest body of a failure that is read before the next attempt; a longer failure is passed on. */
const FAILURE_BYTES = 16 * 1024;
/** The milliseconds for which the body of a failure is waited for; a later one is passed on, too. */
const FAILURE_MS = 500;

/** Makes a call whose endpoints do not respond by themselves. @throws as `callStream` */
export const callForStream = (
  dependencies: StreamCallDependencies,
  call: StreamCall,
  options: Omit<StreamCallOptions, 'relay'>,
): Promise<StreamedResponse> => callStream(dependencies, call, options) as Promise<StreamedResponse>;

/**
 * Makes a call.
 * @returns the response when it has begun
 * @throws HttpError NO_INSTANCE, BREAKER_OPEN, OVERLOADED, DEADLINE_EXCEEDED or BAD_UPSTREAM, and what the
 *   body of the request throws
 */
export function callStream(
  dependencies: StreamCallDependencies,
  call: StreamCall,
  options: StreamCallOptions,
): Promise<StreamedResponse | Relayed> {
  const { streams } = dependencies;
  const { inProcess = streams, awaitsBody = false } = options;
  return callBy<StreamedResponse>(dependencies, call, options, ({ endpoint }, attempt, next) =>
    send(dependencies, call, endpoint, attempt, endpoint.local ? inProcess : streams).then(
      (stream) => arrived(attempt, stream, awaitsBody, next),
      (error: unknown) => next(attempt.failed(error)),
    ),
  );
}

export type StreamCall = OngoingCall<StreamCallRequest>;

/** What follows the end of an attempt. It is passed on, so that it needs no promise of its own. */
type Next<T, R> = (end: AttemptEnd<T>) => R | Promise<R>;

/** Reaches an endpoint over the network. It rejects only as `next` does. */
type Reach<T> = <R>(admitted: AdmittedEndpoint, attempt: Attempt, next: Next<T, R>) => Promise<R>;

/** Makes the attempts of a call whose requests are made by `reach`. */
export function callBy<T>(
  dependencies: StreamCallDependencies,
  call: StreamCall,
  options: StreamCallOptions,
  reach: Reach<T>,
): Promise<T | Relayed> {
  return attemptOnce(dependencies, call, options, reach, (first) => {
    if (!mayRepeat(first)) return resultOf(call, first);
    const again = () => attemptOnce(dependencies, call, options, reach, (end) => end);
    return retryOf(dependencies, call, options)
      .goOn(first, again, call)
      .catch((error: unknown) => {
        throw certainError(call, error);
      });
  });
}

function resultOf<T>(call: StreamCall, end: AttemptEnd<T>): T {
  if (end.kind === 'returned') return end.value;
  throw certainError(call, end.error);
}

function attemptOnce<T, R>(
  dependencies: StreamCallDependencies,
  call: StreamCall,
  options: StreamCallOptions,
  reach: Reach<T>,
  next: Next<T | Relayed, R>,
): Promise<R> {
  const { relay, claim } = options;
  const { content } = call.request;
  // An endpoint in this thread reads the body by itself, so it gets none that is being read already.
  const mayRelay = content?.hasBegun !== true;
  const local = relay === undefined ? 'called' : mayRelay ? 'relayed' : 'excluded';
  const admitted = admitStream(dependencies, call, local, claim);
  if (admitted instanceof HttpError)
    return new Promise((resolve) => resolve(next({ kind: 'not-attempted', error: admitted })));
  const { endpoint } = admitted;
  // A client that sends nothing of its body would hold the probe of a breaker.
  if (relay !== undefined && !endpoint.local && content?.hasBegun === false) {
    withdraw(dependencies, admitted);
    return content.begin().then(() => attemptOnce(dependencies, call, options, reach, next));
  }
  const attempt = new Attempt(dependencies, call, admitted, call.abort);
  if (relay === undefined || !endpoint.local)
    return reach(admitted, attempt, (end) =>
      isDisplaced(end) ? attemptOnce(dependencies, call, options, reach, next) : next(end),
    );
  return relay(endpoint, attempt.trace).then(
    (value) => {
      const { mayRepeat } = attempt.returned(value.received);
      return next({ kind: 'returned', value, mayRepeat: mayRepeat && value.commit !== undefined });
    },
    (error: unknown) => next({ ...attempt.failed(error), mayRepeat: false }),
  );
}

function send(
  dependencies: StreamCallDependencies,
  call: StreamCall,
  endpoint: Endpoint,
  attempt: Attempt,
  transport: StreamTransport,
): Promise<HttpStream> {
  const { deadline, abort } = call;
  const { method, path, body: whole, content } = call.request;
  const headers = attemptFields(dependencies, call, endpoint, attempt.trace);
  const start = (body: StreamRequest['body']): Promise<HttpStream> => {
    if (content !== undefined && content.length >= 0 && !(body instanceof Uint8Array))
      headers.push('content-length', String(content.length));
    const request: StreamRequest = { method, path, headers, body, deadline, abort, isWaiting: false };
    attempt.sends(request);
    return transport.stream(endpoint, request);
  };
  return content === undefined ? start(whole) : content.begin().then(start);
}

/** The fields of an attempt: a flat list. */
export function attemptFields(
  dependencies: StreamCallDependencies,
  call: StreamCall,
  endpoint: Endpoint,
  trace: TraceContext | undefined,
): string[] {
  const { fields, host } = call.request;
  const headers = fields(endpoint);
  if (host !== undefined && schemeOf(endpoint) === 'http') headers.push('host', host);
  const added = headersOf(dependencies, call, trace);
  for (const name in added) headers.push(name, added[name]!);
  return headers;
}

/** The head of a response has arrived. */
function arrived<R>(
  attempt: Attempt,
  stream: HttpStream,
  awaitsBody: boolean,
  next: Next<StreamedResponse, R>,
): R | Promise<R> {
  const isEvents = isEventStream(stream.fields);
  const failed = (error: unknown) => next(attempt.failed(error));
  const opened = (received: Received, body?: Uint8Array): AttemptEnd<StreamedResponse> => {
    const { mayRepeat } = attempt.opened(received);
    stream.onEnd(() => attempt.closed(stream.failure, isEvents ? 0 : stream.waitedMs));
    return { kind: 'returned', value: { stream, body }, mayRepeat: mayRepeat && body !== undefined };
  };
  if (!isGatewayFailure(stream.status)) {
    if (!awaitsBody || isEvents || stream.hasBytes || stream.isComplete) return next(opened(headOf(stream)));
    return stream
      .arrives()
      .then(() =>
        stream.hasBytes || stream.isComplete ? next(opened(headOf(stream))) : failed(stream.failure),
      );
  }
  return stream
    .whole(FAILURE_BYTES, FAILURE_MS)
    .then(
      (body) => next(opened(receive(stream.status, endToEnd(stream.fields), body ?? NO_BYTES), body)),
      failed,
    );
}

const NO_BYTES = new Uint8Array(0);

/** The part of a response that the verdict on it depends on, while its body arrives. */
const headOf = ({ status, fields }: HttpStream): Received => {
  const { [FINAL_FIELD]: final, [LOAD_FIELD]: load } = fields;
  return {
    status,
    headers: NO_FIELDS,
    isFinal: final === '1',
    load: typeof load === 'string' ? load : undefined,
    notExecuted: false,
    isFallback: false,
    problem: undefined,
    json: unread,
    text: unread,
    bytes: unread,
  };
};

const unread = (): never => {
  throw new Error('the body of a streamed response was not read');
};
