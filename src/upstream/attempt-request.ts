// The request of one attempt, as its transport gets it, and the fields that the runtime adds to it.
import type { AbortSource } from '../abort-source.js';
import type { Deadline } from '../deadline.js';
import { MAX_TIMER_MS } from '../resilience/cancellation.js';
import type { TraceContext } from '../scope.js';
import { type CallRequest, NO_FIELDS } from './call-request.js';
import type { OngoingCall } from './ongoing-call.js';
import type { OutgoingRequest } from './transport.js';

export interface TracePropagation {
  /** Adds the trace fields of an outgoing request to its headers. */
  readonly propagate?: (trace: TraceContext, headers: Record<string, string>) => void;
}

const DEADLINE_HEADER = 'x-request-deadline';
const REQUEST_ID_HEADER = 'x-request-id';

export class AttemptRequest implements OutgoingRequest {
  readonly protocol: CallRequest['protocol'];
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: CallRequest['body'];
  readonly deadline: Deadline;
  readonly abort: AbortSource;
  isWaiting = false;

  constructor({ request, deadline }: OngoingCall, headers: Record<string, string>, abort: AbortSource) {
    this.protocol = request.protocol;
    this.method = request.method;
    this.path = request.path;
    this.headers = headers;
    this.body = request.body;
    this.deadline = deadline;
    this.abort = abort;
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }
}

/** The fields of an attempt: those of its call, and those that the runtime sets. */
export function headersOf(
  { propagate }: TracePropagation,
  { request, deadline, scope }: OngoingCall,
  trace: TraceContext | undefined,
): Record<string, string> {
  const left = String(Math.max(1, Math.floor(Math.min(MAX_TIMER_MS, deadline.remainingMs()))));
  const given = request.headers;
  const headers: Record<string, string> =
    given === NO_FIELDS ? { [DEADLINE_HEADER]: left } : { ...given, [DEADLINE_HEADER]: left };
  if (scope !== undefined) headers[REQUEST_ID_HEADER] = scope.requestId;
  if (trace !== undefined) propagate?.(trace, headers);
  return headers;
}
