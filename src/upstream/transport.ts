// How one attempt reaches one endpoint. Implementations: in-process.ts, http.ts (undici).
import type { Deadline } from '../deadline.js';
import type { Endpoint } from '../registry/endpoint.js';
import type { CallResponse } from './call.js';

/** Longest body of a response to a call, on every transport; a longer one is BAD_UPSTREAM. */
export const MAX_RESPONSE_BYTES = 16 * 1024 * 1024;

export interface OutgoingRequest {
  readonly method: string;
  /** Path with its query. */
  readonly path: string;
  /** Lower-case names; trace context, deadline, request id and mesh token are already in it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string | undefined;
  readonly deadline: Deadline;
  readonly signal: AbortSignal;
}

/** A response with all that the callee's runtime says about it; a caller sees the `CallResponse`. */
export interface Received extends CallResponse {
  /** The callee passed the failure on from a call of its own (`x-multilane-final`): it is not repeated. */
  readonly isFinal: boolean;
}

/**
 * Rejects with HttpError BAD_UPSTREAM (no or broken answer), DEADLINE_EXCEEDED, or OVERLOADED when this
 * process has no file descriptors left to call with; any status is an answer.
 */
export interface Transport {
  send(endpoint: Endpoint, request: OutgoingRequest): Promise<Received>;
  close(): Promise<void>;
}

/**
 * What the in-process transport calls: the pipeline of this worker, without a socket. Given by the wiring.
 */
export type Dispatch = (service: string, request: OutgoingRequest) => Promise<Dispatched>;

/** As it would have gone over the network, fields of the runtime included. */
export interface Dispatched {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Belongs to the receiver. */
  readonly body: Uint8Array;
}
