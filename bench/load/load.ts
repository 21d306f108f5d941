// The contract of a load generator: a closed loop of keep-alive connections for a while, then its totals.

export interface LoadRequest {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

export interface LoadResult {
  /** Answers with a 2xx status. */
  readonly completed: number;
  /** Anything else: other statuses, broken connections, time-outs. */
  readonly failed: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LoadTool {
  readonly name: 'wrk' | 'autocannon';
  run(request: LoadRequest): Promise<LoadResult>;
}
