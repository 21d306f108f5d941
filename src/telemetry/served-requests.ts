// What the metrics of served requests mean: HTTP requests and gRPC calls, each with its method, route and
// status. All summaries of what the process has served are made from these two metrics.
import type { Labels } from '../memory/metrics/recorder.js';

/** The method of gRPC calls, as in `/switches`. */
export const GRPC = 'GRPC';

/** gRPC statuses of calls that failed by a fault of the server (OpenTelemetry's conventions for gRPC). */
const SERVER_FAULTS = new Set([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
]);

export const isServerFault = (rpcStatus: string): boolean => SERVER_FAULTS.has(rpcStatus);

/** What a series of served requests counts. */
export interface ServedSeries {
  readonly method: string;
  /** The template, or the path of a gRPC method; empty for requests that no route has matched. */
  readonly route: string;
  /** The HTTP status, or the name of the gRPC status. */
  readonly status: string;
  /** The code of the error, or its status without a code; undefined: the server has not failed. */
  readonly error: string | undefined;
}

/** @returns undefined for a metric of anything else */
export function servedSeries(metric: string, labels: Labels): ServedSeries | undefined {
  if (metric === 'http_server_request_duration_seconds') {
    const { http_request_method: method = '', http_route: route = '' } = labels;
    const { http_response_status_code: status = '' } = labels;
    return { method, route, status, error: Number(status) >= 500 ? errorOf(labels, status) : undefined };
  }
  if (metric === 'rpc_server_call_duration_seconds') {
    const { rpc_method: method = '', rpc_response_status_code: status = '' } = labels;
    const error = isServerFault(status) ? errorOf(labels, status) : undefined;
    return { method: GRPC, route: `/${method}`, status, error };
  }
  return undefined;
}

const errorOf = ({ error_type: error }: Labels, status: string): string => error ?? status;
