// What `multilane bench` and the process in which autocannon runs send each other.

export interface LoadOptions {
  readonly url: string;
  readonly connections: number;
  /** Seconds. */
  readonly duration: number;
  readonly pipelining: number;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** The members of autocannon's result that are read. Latencies are in milliseconds. */
export interface AutocannonResult {
  readonly duration: number;
  readonly requests: { readonly total: number };
  readonly latency: Readonly<Record<'p50' | 'p90' | 'p99' | 'max', number>>;
  readonly throughput: { readonly average: number };
  readonly statusCodeStats?: Readonly<Record<string, { readonly count: number }>>;
  readonly errors: number;
  readonly timeouts: number;
}

/** Failed connections by the code of their error, such as ECONNREFUSED. Timeouts have no code. */
export type ErrorCodes = Readonly<Record<string, number>>;

/** Messages of the process. The command sends it the options, and then anything to end the measurement. */
export type LoadMessage =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** Sent every second with what that second had, and all failures so far. */
  | {
      readonly kind: 'tick';
      readonly responses: number;
      readonly bytes: number;
      readonly errorCodes: ErrorCodes;
    }
  /** Sent at the first failure with a code, because a process that only fails sends no tick. */
  | { readonly kind: 'errors'; readonly errorCodes: ErrorCodes }
  /** Every new connection fails before its turn of the event loop ends, so the process does nothing else. */
  | { readonly kind: 'looping'; readonly code: string; readonly errorCodes: ErrorCodes }
  | {
      readonly kind: 'result';
      readonly result: AutocannonResult;
      readonly errorCodes: ErrorCodes;
      /** Connections that the server has closed, without an error, before or within a response. */
      readonly closed: number;
      /** Connections that have received no response. */
      readonly silent: number;
    };
