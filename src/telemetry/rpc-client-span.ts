// The span of one attempt of a call by gRPC, by OpenTelemetry's semantic conventions
// (https://opentelemetry.io/docs/specs/semconv/rpc/).
import type { TraceContext } from '../scope.js';
import type { SpanHandle, Tracing } from './span.js';
import { ATTR } from './span-attributes.js';

export interface RpcClientCall {
  /** `multilane.orders.v1.OrderService/GetUserOrders` */
  readonly method: string;
  /** Name of the called service. */
  readonly service: string;
  /** Address of the picked instance; undefined for an in-process call. */
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

/** Begins the span; its name is the method. End it with `endRpcClientSpan`. */
export function rpcClientSpan(
  tracing: Tracing,
  parent: TraceContext | undefined,
  { method, service, host, port }: RpcClientCall,
): SpanHandle {
  if (!tracing.enabled || parent?.sampled === false) return tracing.begin(method, 'client', parent);
  return tracing.begin(method, 'client', parent, {
    [ATTR.rpcSystemName]: 'grpc',
    [ATTR.rpcMethod]: method,
    [ATTR.serverAddress]: host ?? service,
    [ATTR.serverPort]: port,
    'multilane.peer.service': service,
  });
}

/** For the caller every status but OK is a failure. @param error undefined for a status that the peer sent */
export function endRpcClientSpan(span: SpanHandle, status: string, error: string | undefined): void {
  if (!span.recording) return;
  span.setAttribute(ATTR.rpcStatus, status);
  span.end(error ?? (status === 'OK' ? undefined : status));
}
