// Names of the attributes of spans. The compiler checks them against the package, which is not loaded at run
// time.
import type * as semconv from '@opentelemetry/semantic-conventions';
import type * as rpc from '@opentelemetry/semantic-conventions/incubating';

export const ATTR = {
  clientAddress: 'client.address' satisfies typeof semconv.ATTR_CLIENT_ADDRESS,
  dbNamespace: 'db.namespace' satisfies typeof semconv.ATTR_DB_NAMESPACE,
  dbOperationName: 'db.operation.name' satisfies typeof semconv.ATTR_DB_OPERATION_NAME,
  dbQuerySummary: 'db.query.summary' satisfies typeof semconv.ATTR_DB_QUERY_SUMMARY,
  dbSystemName: 'db.system.name' satisfies typeof semconv.ATTR_DB_SYSTEM_NAME,
  httpRequestMethod: 'http.request.method' satisfies typeof semconv.ATTR_HTTP_REQUEST_METHOD,
  httpRequestMethodOriginal:
    'http.request.method_original' satisfies typeof semconv.ATTR_HTTP_REQUEST_METHOD_ORIGINAL,
  httpRequestResendCount: 'http.request.resend_count' satisfies typeof semconv.ATTR_HTTP_REQUEST_RESEND_COUNT,
  httpResponseStatusCode: 'http.response.status_code' satisfies typeof semconv.ATTR_HTTP_RESPONSE_STATUS_CODE,
  httpRoute: 'http.route' satisfies typeof semconv.ATTR_HTTP_ROUTE,
  networkProtocolName: 'network.protocol.name' satisfies typeof semconv.ATTR_NETWORK_PROTOCOL_NAME,
  rpcMethod: 'rpc.method' satisfies typeof rpc.ATTR_RPC_METHOD,
  rpcStatus: 'rpc.response.status_code' satisfies typeof rpc.ATTR_RPC_RESPONSE_STATUS_CODE,
  rpcSystemName: 'rpc.system.name' satisfies typeof rpc.ATTR_RPC_SYSTEM_NAME,
  serverAddress: 'server.address' satisfies typeof semconv.ATTR_SERVER_ADDRESS,
  serverPort: 'server.port' satisfies typeof semconv.ATTR_SERVER_PORT,
  urlFull: 'url.full' satisfies typeof semconv.ATTR_URL_FULL,
  urlPath: 'url.path' satisfies typeof semconv.ATTR_URL_PATH,
  urlScheme: 'url.scheme' satisfies typeof semconv.ATTR_URL_SCHEME,
} as const;
