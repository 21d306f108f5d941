// The contract of a transport: how one attempt reaches one endpoint. Implementations: in-process-
// transport.ts, http-transport.ts and grpc-transport.ts. test/conformance/transports.test.ts runs the same
// cases over all.
import type { AbortSource } from '../abort-source.js';
import type { Deadline } from '../deadline.js';
import type { Endpoint } from '../registry/endpoint.js';
import type { CallResponse } from './call.js';
import type { StreamRequest } from './http-stream.js';

/** The longest body of a response, on every transport; a longer one is BAD_UPSTREAM. */
export const MAX_RESPONSE_BYTES = 16 * 1024 * 1024;

/** The most bytes of the header of a response over HTTP, and in-process; a larger one is BAD_UPSTREAM. */
export const MAX_HEADER_BYTES = 16 * 1024;

export interface OutgoingRequest {
  /**
   * A call by gRPC has the path of its method, and one message as its body.
   * @default 'http'
   */
  readonly protocol?: Endpoint['protocol'] | undefined;
  readonly method: string;
  /** Path with its query. */
  readonly path: string;
  /** Lower-case names; they contain trace context, deadline, request id and mesh token. */
  readonly headers: Readonly<Record<string, string>>;
  /** An iterable is read once, and no faster than the endpoint takes it. */
  readonly body: Uint8Array | string | AsyncIterable<Uint8Array> | undefined;
  readonly deadline: Deadline;
  /** Aborts when no response is waited for any more. Reading it may create it. */
  readonly signal: AbortSignal;
  /** Whether the request waits for a connection: the transport sets it. @default false */
  isWaiting?: boolean;
  /** The same for a transport that needs no signal. Requests without this member have the signal only. */
  readonly abort?: AbortSource;
}

/** The members of a problem document that the verdict depends on. */
export interface ReceivedProblem {
  readonly code?: unknown;
  readonly executed?: unknown;
}

/** A response with everything that the callee's runtime reports; callers see it as `CallResponse`. */
export interface Received extends CallResponse {
  /**
   * Whether the callee only passed on the failure of a call that it made (`x-multilane-final`). Then this
   * call is not repeated.
   */
  readonly isFinal: boolean;
  /**
   * What the endpoint reports of its load (`x-multilane-load`).
   * @default nothing
   */
  readonly load?: string | undefined;
  /**
   * The endpoint has closed the connection to slow down this process.
   * @default false
   */
  readonly isRefusal?: boolean;
  /** The problem document; undefined when the response has none of at most 64 KiB. It is read once. */
  readonly problem: ReceivedProblem | undefined;
}

/**
 * Sends requests to endpoints. `send` resolves with a response of any status. It rejects with HttpError
 * BAD_UPSTREAM (no response or a broken one), DEADLINE_EXCEEDED, or OVERLOADED when this process has no file
 * descriptors left.
 */
export interface Transport {
  send(endpoint: Endpoint, request: OutgoingRequest): Promise<Received>;
  close(): Promise<void>;
}

/**
 * Runs a request in the pipeline of this worker, without a socket; the in-process transport calls it. It
 * rejects with the reason of the abort when the request is aborted.
 */
export type Dispatch = (service: string, request: OutgoingRequest) => Promise<Dispatched>;

/**
 * Receives a response as it is sent: `whole`; or `begin`, `write` and `end`; or `fail`. It owns what it is
 * given.
 */
export interface ResponseReceiver {
  whole(status: number, headers: Record<string, string>, body: Uint8Array | string): void;
  begin(status: number, headers: Record<string, string>): void;
  /** @returns undefined, or a promise that resolves when more can be taken */
  write(chunk: Uint8Array): Promise<void> | undefined;
  end(): void;
  fail(reason: unknown): void;
}

/**
 * Begins a request in the pipeline of this worker whose response is received as it is sent.
 * @returns a function that ends the request, as if its client had left
 */
export type StreamDispatch = (
  service: string,
  request: StreamRequest,
  receiver: ResponseReceiver,
) => () => void;

/** A response as it would be sent over the network, including the fields of the runtime. */
export interface Dispatched {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Owned by the receiver; a text stands for its bytes in UTF-8. */
  readonly body: Uint8Array | string;
}
