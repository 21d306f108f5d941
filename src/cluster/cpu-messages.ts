// What an HTTP worker and the task pool in the primary say to each other over a MessagePort of their own.
// Inputs and results cross as bytes already serialized (structured clone format), so the primary moves a
// buffer from one port to the next and never unpacks it.

export type ToPool =
  | {
      readonly type: 'run';
      /** Unique on this port. */
      readonly id: number;
      /** URL of the service's tasks module. */
      readonly module: string;
      /** Named export to call. */
      readonly task: string;
      readonly input: Uint8Array;
      /** Milliseconds until the caller's deadline; undefined without one. A clock never crosses threads. */
      readonly remainingMs: number | undefined;
    }
  /** Nobody waits for it any more: out of the queue, or its thread is ended. Not answered. */
  | { readonly type: 'abort'; readonly id: number };

export interface FromPool extends TaskAnswer {
  readonly id: number;
}

export interface TaskAnswer {
  /** `bytes`: the Uint8Array that the task returned; `value`: anything else, `failure`: see task-failure.ts. */
  readonly kind: 'bytes' | 'value' | 'failure';
  readonly data: Uint8Array;
}

/** What a thread of the pool is given. */
export interface TaskOrder {
  readonly module: string;
  readonly task: string;
  readonly input: Uint8Array;
}

/** The buffer under a view, for a transfer list. All views in these messages own theirs whole. */
export const bufferOf = (view: Uint8Array): ArrayBuffer => view.buffer as ArrayBuffer;
