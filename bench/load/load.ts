// The contract of a load generator: it runs a closed loop of keep-alive connections for a time and returns
// totals.

export interface LoadRequest {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

export interface LoadResult {
  /** Number of responses with a 2xx status. */
  readonly completed: number;
  /** Number of other results: other statuses, broken connections, time-outs. */
  readonly failed: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LoadTool {
  readonly name: 'wrk' | 'autocannon';
  run(request: LoadRequest): Promise<LoadResult>;
}
