// The contract of a load tool: it runs a closed loop of connections for a time and returns totals. (Events
// have no loop: there the server sets the pace.)
import type { Window } from '../process/window.js';
import type { Shape } from '../shapes/shapes.js';

export interface LoadRequest {
  readonly url: string;
  readonly shape: Shape;
  /** Header fields beside Host. */
  readonly fields: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly window: Window;
}

export interface LoadResult {
  /** Number of responses with a 2xx status; of events or echoes in the shapes that count those. */
  readonly completed: number;
  /** Number of other results: other statuses, broken connections, time-outs. */
  readonly failed: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LoadTool {
  readonly name: string;
  /** The version of what is installed, for the reports; undefined when it is unknown. */
  version?(): string | undefined;
  run(request: LoadRequest): Promise<LoadResult>;
}
