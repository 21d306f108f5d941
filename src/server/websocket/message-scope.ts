// The scope of one sampled message of a WebSocket: what its callback calls, queries and logs belongs to the
// trace of the message.
import { Deadline } from '../../deadline.js';
import type { Scope, TraceContext } from '../../scope.js';

export class MessageScope implements Scope {
  readonly requestId: string;
  readonly trace: TraceContext;
  readonly service: string;
  /** A callback has no deadline: what it calls and queries has the time that such work has by default. */
  readonly deadline = Deadline.none;
  #signal: AbortSignal | undefined;

  constructor(requestId: string, service: string, trace: TraceContext) {
    this.requestId = requestId;
    this.service = service;
    this.trace = trace;
  }

  /** It never aborts, as the callback goes on when its socket is closed. */
  get signal(): AbortSignal {
    this.#signal ??= new AbortController().signal;
    return this.#signal;
  }

  get isAborted(): boolean {
    return false;
  }
}
