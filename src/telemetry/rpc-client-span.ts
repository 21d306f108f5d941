// The span of one attempt of a call by gRPC, by OpenTelemetry's semantic conventions
// (https://opentelemetry.io/docs/specs/semconv/rpc/).
import type * as semconv from '@opentelemetry/semantic-conventions';
import type * as rpc from '@opentelemetry/semantic-conventions/incubating';
import type { TraceContext } from '../scope.js';
import type { SpanHandle, Tracing } from './span.js';

/** Names of attributes. The compiler checks them against the package, which is not loaded at run time. */
const ATTR = {
  rpcMethod: 'rpc.method' satisfies typeof rpc.ATTR_RPC_METHOD,
  rpcStatusCode: 'rpc.response.status_code' satisfies typeof rpc.ATTR_RPC_RESPONSE_STATUS_CODE,
  rpcSystemName: 'rpc.system.name' satisfies typeof rpc.ATTR_RPC_SYSTEM_NAME,
  serverAddress: 'server.address' satisfies typeof semconv.ATTR_SERVER_ADDRESS,
  serverPort: 'server.port' satisfies typeof semconv.ATTR_SERVER_PORT,
} as const;

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
  span.setAttribute(ATTR.rpcStatusCode, status);
  span.end(error ?? (status === 'OK' ? undefined : status));
}
