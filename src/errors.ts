// Every failure that a client can see: a code, mapped once to its HTTP status, gRPC status, title and whether
// it may be retried. docs/errors.md is compared with this table by a test; no other code decides a status.

/** gRPC status names (grpc/grpc doc/statuscodes.md). */
export type GrpcStatus =
  | 'INVALID_ARGUMENT'
  | 'UNAUTHENTICATED'
  | 'FAILED_PRECONDITION'
  | 'PERMISSION_DENIED'
  | 'NOT_FOUND'
  | 'UNIMPLEMENTED'
  | 'DEADLINE_EXCEEDED'
  | 'ALREADY_EXISTS'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'RESOURCE_EXHAUSTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'CANCELLED'
  // Only services that are not written with Multilane send these.
  | 'UNKNOWN'
  | 'DATA_LOSS';

export interface ErrorEntry {
  readonly status: number;
  readonly grpc: GrpcStatus;
  /** Fixed title of the problem document. */
  readonly title: string;
  /**
   * True when the failure is temporary, so that a retry may succeed. A retry after status 503 is safe only if
   * `executed` is false or the request is idempotent; after other statuses it is safe by definition of the
   * code.
   */
  readonly retryable: boolean;
}

const entry = (status: number, grpc: GrpcStatus, title: string, retryable = false): ErrorEntry => ({
  status,
  grpc,
  title,
  retryable,
});

export const ERROR_TABLE = {
  MALFORMED_BODY: entry(400, 'INVALID_ARGUMENT', 'Malformed body'),
  MALFORMED_REQUEST: entry(400, 'INVALID_ARGUMENT', 'Malformed request'),
  IDEMPOTENCY_KEY_REQUIRED: entry(400, 'INVALID_ARGUMENT', 'Idempotency key required'),
  UNAUTHORIZED: entry(401, 'UNAUTHENTICATED', 'Unauthorized'),
  PAYMENT_DECLINED: entry(402, 'FAILED_PRECONDITION', 'Payment declined'),
  SAGA_COMPENSATED: entry(402, 'FAILED_PRECONDITION', 'Saga compensated'),
  ADDRESS_NOT_ALLOWED: entry(403, 'PERMISSION_DENIED', 'Address not allowed'),
  CROSS_SITE: entry(403, 'PERMISSION_DENIED', 'Cross-site request refused'),
  NOT_FOUND: entry(404, 'NOT_FOUND', 'Not found'),
  ROUTE_NOT_FOUND: entry(404, 'UNIMPLEMENTED', 'Route not found'),
  METHOD_NOT_ALLOWED: entry(405, 'UNIMPLEMENTED', 'Method not allowed'),
  BODY_TIMEOUT: entry(408, 'DEADLINE_EXCEEDED', 'Body timeout'),
  EMAIL_TAKEN: entry(409, 'ALREADY_EXISTS', 'E-mail taken'),
  IDEMPOTENCY_IN_PROGRESS: entry(409, 'ABORTED', 'Idempotent request in progress', true),
  STEP_CANCELLED: entry(409, 'ABORTED', 'Step cancelled'),
  RELOAD_IN_PROGRESS: entry(409, 'ABORTED', 'Reload in progress'),
  SAGA_NOT_IDLE: entry(409, 'ABORTED', 'Saga not idle'),
  REVISION_GONE: entry(410, 'OUT_OF_RANGE', 'Revision gone'),
  LENGTH_REQUIRED: entry(411, 'INVALID_ARGUMENT', 'Length required'),
  PRECONDITION_FAILED: entry(412, 'FAILED_PRECONDITION', 'Precondition failed'),
  BODY_TOO_LARGE: entry(413, 'RESOURCE_EXHAUSTED', 'Body too large'),
  URL_TOO_LONG: entry(414, 'RESOURCE_EXHAUSTED', 'URL too long'),
  UNSUPPORTED_MEDIA_TYPE: entry(415, 'INVALID_ARGUMENT', 'Unsupported media type'),
  RANGE_NOT_SATISFIABLE: entry(416, 'OUT_OF_RANGE', 'Range not satisfiable'),
  MISDIRECTED_REQUEST: entry(421, 'INVALID_ARGUMENT', 'Misdirected request'),
  VALIDATION_FAILED: entry(422, 'INVALID_ARGUMENT', 'Validation failed'),
  IDEMPOTENCY_KEY_REUSED: entry(422, 'INVALID_ARGUMENT', 'Idempotency key reused'),
  BAD_CURSOR: entry(422, 'INVALID_ARGUMENT', 'Bad cursor'),
  UPGRADE_REQUIRED: entry(426, 'INVALID_ARGUMENT', 'Upgrade required'),
  RATE_LIMITED: entry(429, 'RESOURCE_EXHAUSTED', 'Rate limited', true),
  HEADERS_TOO_LARGE: entry(431, 'RESOURCE_EXHAUSTED', 'Headers too large'),
  INTERNAL: entry(500, 'INTERNAL', 'Internal error'),
  HANDLER_STALLED: entry(500, 'INTERNAL', 'Handler stalled'),
  METHOD_UNKNOWN: entry(501, 'UNIMPLEMENTED', 'Method unknown'),
  BAD_UPSTREAM: entry(502, 'UNAVAILABLE', 'Bad upstream'),
  OVERLOADED: entry(503, 'UNAVAILABLE', 'Overloaded', true),
  NO_INSTANCE: entry(503, 'UNAVAILABLE', 'No instance', true),
  BREAKER_OPEN: entry(503, 'UNAVAILABLE', 'Breaker open', true),
  STARTING: entry(503, 'UNAVAILABLE', 'Starting', true),
  DRAINING: entry(503, 'UNAVAILABLE', 'Draining', true),
  CPU_QUEUE_FULL: entry(503, 'UNAVAILABLE', 'CPU queue full', true),
  DATABASE_BUSY: entry(503, 'UNAVAILABLE', 'Database busy', true),
  NO_WORKER: entry(503, 'UNAVAILABLE', 'No worker', true),
  DEADLINE_EXCEEDED: entry(504, 'DEADLINE_EXCEEDED', 'Deadline exceeded'),
  /** The client closed the connection. The code appears in logs and metrics only. */
  CLIENT_CLOSED: entry(499, 'CANCELLED', 'Client closed the request'),
} as const satisfies Record<string, ErrorEntry>;

/**
 * True for header fields of responses that only the runtime writes. They are removed from the fields that
 * handlers set and that upstreams send, so that clients may rely on them.
 */
export const isRuntimeField = (name: string): boolean => name.startsWith('x-multilane-');

/** Header field that is `false` on a 503 whose problem has `executed: false`: the handler did not run. */
export const EXECUTED_FIELD = 'x-multilane-executed';

/**
 * Header field that is `1` on a failure that the callee passed on from one of its own calls: it is not
 * retried.
 */
export const FINAL_FIELD = 'x-multilane-final';

/**
 * Header field by which an instance reports its load to callers of the mesh:
 * `<requests in flight>;us=<latency>`.
 */
export const LOAD_FIELD = 'x-multilane-load';

/** True for 502, 503 and 504: the request failed on its way, or something that it needs was not available. */
export const isGatewayFailure = (status: number): boolean => status >= 502 && status <= 504;

/** The codes of the runtime; docs/errors.md lists them with their statuses. */
export type ErrorCode = keyof typeof ERROR_TABLE;

const isKnown = (code: string): code is ErrorCode => Object.hasOwn(ERROR_TABLE, code);

/** One part of a request that is wrong. */
export interface FieldError {
  /** JSON Pointer (RFC 6901) into the part that failed. */
  readonly path: string;
  readonly message: string;
}

const HTTP_OPTIONS = ['status', 'headers', 'members', 'errors', 'retryable', 'cause'];
const BUSINESS_OPTIONS = ['status', 'details'];

/** A misspelt option would otherwise give the client another status, far from the line of the mistake. */
function checkError(code: unknown, options: unknown, known: readonly string[]): void {
  if (typeof code !== 'string' || code === '')
    throw new TypeError(`the code of an error must be a text such as 'OUT_OF_STOCK', not ${String(code)}`);
  const fault = (reason: string): TypeError => new TypeError(`error ${code}: ${reason}`);
  if (typeof options !== 'object' || options === null)
    throw fault(`its options must be an object such as { status: 409 }, not ${String(options)}`);
  for (const name in options) {
    if (!known.includes(name)) throw fault(`unknown option "${name}"; known are ${known.join(', ')}`);
  }
}

/** The options of `HttpError`. */
export interface HttpErrorOptions {
  /** HTTP status. @default that of the code; 500 for an own code */
  readonly status?: number;
  /** Header fields of the response, e.g. `allow`, `retry-after`. Their names are in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Additional members of the problem document (RFC 9457 section 3.2), e.g. `sagaId`. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** Member `errors` of the problem document: the parts of the request that are wrong. */
  readonly errors?: readonly FieldError[];
  /** Whether a retry may succeed. @default that of the code; false for an own code */
  readonly retryable?: boolean;
  /** The error behind this one. It is logged and never sent to the client. */
  readonly cause?: unknown;
}

/**
 * An error with a response of its own: wherever it is thrown, the client gets it as a problem document (RFC
 * 9457). Its message becomes the member `detail`, so it must not contain a secret, SQL, a path or a stack.
 * @example
 * throw new HttpError('OUT_OF_STOCK', `Product ${id} is not available.`, { status: 409 });
 */
export class HttpError extends Error {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly grpc: GrpcStatus;
  readonly retryable: boolean;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly members: Readonly<Record<string, unknown>> | undefined;
  readonly errors: readonly FieldError[] | undefined;

  /** @throws TypeError for a code that is no text, and for an unknown option */
  constructor(code: ErrorCode | (string & {}), detail: string, options: HttpErrorOptions = {}) {
    checkError(code, options, HTTP_OPTIONS);
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    const known = isKnown(code) ? ERROR_TABLE[code] : undefined;
    this.name = new.target.name;
    this.code = code;
    this.status = options.status ?? known?.status ?? 500;
    this.title = known?.title ?? titleOf(code);
    this.grpc = grpcStatusOf(code, this.status);
    this.retryable = options.retryable ?? known?.retryable ?? false;
    this.headers = options.headers;
    this.members = options.members;
    this.errors = options.errors;
  }
}

/**
 * A refusal by a business rule. It is final: a saga that gets it compensates and does not retry.
 * @example
 * throw new BusinessError('CREDIT_LIMIT', 'The order exceeds the credit limit.', { details: { limit } });
 */
export class BusinessError extends HttpError {
  /** @throws TypeError as HttpError does */
  constructor(
    code: ErrorCode | (string & {}),
    message: string,
    options: { readonly status?: number; readonly details?: Readonly<Record<string, unknown>> } = {},
  ) {
    checkError(code, options, BUSINESS_OPTIONS);
    super(code, message, {
      ...(options.status === undefined ? (isKnown(code) ? {} : { status: 422 }) : { status: options.status }),
      ...(options.details === undefined ? {} : { members: { details: options.details } }),
      retryable: false,
    });
  }
}

/** 404 `NOT_FOUND`: the requested resource does not exist. */
export class NotFoundError extends HttpError {
  constructor(detail: string) {
    super('NOT_FOUND', detail);
  }
}

/** 422 `VALIDATION_FAILED`: the request does not match its schema. */
export class ValidationError extends HttpError {
  constructor(errors: readonly FieldError[], detail = 'The request does not match its schema.') {
    super('VALIDATION_FAILED', detail, { errors });
  }
}

/** 504 `DEADLINE_EXCEEDED`: the work was not done in time. */
export class DeadlineExceededError extends HttpError {
  constructor(detail = 'The deadline of the request has passed.') {
    super('DEADLINE_EXCEEDED', detail);
  }
}

/**
 * 503: something that the request needs is not available now. The response always has `Retry-After`. The
 * runtime adds the member `executed`, because only it knows whether the handler was called.
 */
export class UnavailableError extends HttpError {
  /** @param retryAfterSeconds value of `Retry-After`, rounded up; a value that is not finite becomes 1 */
  constructor(code: ErrorCode, detail: string, retryAfterSeconds = 1, cause?: unknown) {
    const seconds = Number.isFinite(retryAfterSeconds) ? Math.max(0, Math.ceil(retryAfterSeconds)) : 1;
    super(code, detail, { headers: { 'retry-after': String(seconds) }, retryable: true, cause });
  }
}

/** The configuration or the platform is wrong: the process exits with code 78 (EX_CONFIG of sysexits.h). */
export class ConfigError extends Error {
  readonly exitCode = 78;
  override readonly name = 'ConfigError';
}

/** The process cannot start because of a port, a file or a database: it exits with code 1. */
export class StartError extends Error {
  readonly exitCode = 1;
  override readonly name = 'StartError';
}

function titleOf(code: string): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The gRPC status of a failure: that of its code, or for a code of a service that of its HTTP status. */
export function grpcStatusOf(code: string, status: number): GrpcStatus {
  if (isKnown(code)) return ERROR_TABLE[code].grpc;
  if (status === 401) return 'UNAUTHENTICATED';
  if (status === 403) return 'PERMISSION_DENIED';
  if (status === 404) return 'NOT_FOUND';
  if (status === 409) return 'ABORTED';
  if (status === 402 || status === 412) return 'FAILED_PRECONDITION';
  if (status === 429) return 'RESOURCE_EXHAUSTED';
  if (status === 503) return 'UNAVAILABLE';
  if (status === 504) return 'DEADLINE_EXCEEDED';
  return status >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT';
}
