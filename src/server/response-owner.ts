// What a response needs of the life of its request (request-lifecycle.ts), and of one that an application
// writes.
import type { HttpError } from '../errors.js';
import type { FailedRequest } from '../problem.js';

/** The life of the request that a response belongs to. */
export interface ResponseOwner extends FailedRequest {
  /** The client has left or the deadline has passed. */
  readonly isAborted: boolean;
  readonly signal: AbortSignal;
  /** `error` is the reason for which the request was aborted. */
  isAbortReason(error: unknown): boolean;
  abort(reason: HttpError): void;
  releasePermit(): void;
  /** @returns the report of load that the response is to carry; undefined for none */
  loadReport(status: number): string | undefined;
  startDeadline(): void;
  /** Called when the first piece of a stream has come: from now on no deadline bounds the response. */
  streamBegan(): void;
  /** Calls code of the service in the scope of the request. */
  callService(callback: () => void): void;
  /** Counts the response. Called again when it has thrown, which it does when too little stack is left. */
  countResponse(status: number, error: string | undefined): void;
  /** Called once, after `countResponse`. */
  responseComplete(status: number, error: string | undefined): void;
}

/** A response that an application of `node:http` writes (taken-response.ts). */
export interface TakenState {
  /** Bytes of it were sent. */
  readonly isSent: boolean;
  /** It is a stream of events, which has no end that its client could miss. */
  readonly isEndless: boolean;
  /** Its status, once it has a head. */
  readonly status: number | undefined;
  /** Call when the deadline has passed and the response goes on. */
  outlastsDeadline(): void;
  /** Call when the response is complete or its request has ended. */
  release(): void;
}
