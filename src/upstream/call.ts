// The contract of this room: how one service calls another, by name. Which instance, over what, how often
// and whether at all is decided behind it (view -> picker -> breaker -> transport).

type QueryValue = string | number | boolean | bigint | undefined;

/** A member that is not listed here, or is of another kind, is a TypeError: nothing is sent then. */
export interface CallOptions {
  /**
   * What is undefined is left out. A URLSearchParams, or another iterable of pairs, may have a name several
   * times.
   */
  readonly query?:
    | Readonly<Record<string, QueryValue>>
    | Iterable<readonly [name: string, value: QueryValue]>;
  /** What is undefined is left out, so a field of the client can be handed on that it may not have sent. */
  readonly headers?:
    | Readonly<Record<string, string | undefined>>
    | Iterable<readonly [name: string, value: string | undefined]>;
  /** Sent as application/json. */
  readonly json?: unknown;
  readonly body?: Uint8Array | string;
  /** Sent as `Idempotency-Key`; makes a POST or PATCH retryable. */
  readonly idempotencyKey?: string;
  /** Never later than the deadline of the running request; Infinity: that deadline alone. */
  readonly timeoutMs?: number;
  /** Attempts beyond the first; default 2 for idempotent calls, else 0. */
  readonly retries?: number;
  /**
   * When there is no answer after so many milliseconds, the same is asked elsewhere, too, and the first good
   * answer taken. Once a call; only what may be repeated, while the budget for retries lasts, and where there
   * is another instance.
   */
  readonly hedgeMs?: number;
  /**
   * Made only while fewer calls that say so are under way to this service, in all workers; otherwise
   * OVERLOADED. Attempts and hedges of one call are one.
   */
  readonly maxConcurrent?: number;
  /**
   * GET only: one call for all who ask for the same (service, path, query and header fields) at the same
   * time, in all workers; the others get its answer. Nothing is stored.
   */
  readonly singleFlight?: boolean;
  readonly signal?: AbortSignal;
}

/** An answer of any status. Values are fresh on every call, also when the service lives in this process. */
export interface CallResponse {
  readonly status: number;
  /** Without `x-multilane-*`: what those say is in `notExecuted`. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * True where the runtime of the callee proves that no handler ran: a 503 problem with `executed: false` and
   * the field `x-multilane-executed: false`. The same request may then be sent again, whatever its method.
   */
  readonly notExecuted: boolean;
  json<T = unknown>(): T;
  text(): string;
  bytes(): Uint8Array;
}

/**
 * @throws HttpError NO_INSTANCE, BREAKER_OPEN, OVERLOADED, DEADLINE_EXCEEDED, BAD_UPSTREAM when no answer can
 *   be had; TypeError for what cannot be sent
 */
export interface ServiceClient {
  get(path: string, options?: CallOptions): Promise<CallResponse>;
  post(path: string, options?: CallOptions): Promise<CallResponse>;
  put(path: string, options?: CallOptions): Promise<CallResponse>;
  patch(path: string, options?: CallOptions): Promise<CallResponse>;
  delete(path: string, options?: CallOptions): Promise<CallResponse>;
  request(method: string, path: string, options?: CallOptions): Promise<CallResponse>;
}

export type Call = (service: string) => ServiceClient;
