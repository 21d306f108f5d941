import { Deadline } from '../deadline.js';
import type { Scope, TraceContext } from '../scope.js';

/** The scope of a step. It is separate from the request that started the saga, which may be long over. */
export class StepScope implements Scope {
  readonly requestId: string;
  readonly deadline: Deadline;
  readonly trace: TraceContext;
  readonly service: string | undefined;
  /** Called once, with the reason, before the listeners of `signal`. */
  onAbort: ((reason: unknown) => void) | undefined;
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;

  constructor(sagaId: string, timeoutMs: number, trace: TraceContext, service: string | undefined) {
    this.requestId = sagaId;
    this.deadline = Deadline.after(timeoutMs);
    this.trace = trace;
    this.service = service;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = { reason };
    this.onAbort?.(reason);
    this.#controller?.abort(reason);
  }
}
