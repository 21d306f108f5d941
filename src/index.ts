// The public interface of the package. Projects import nothing else, and neither does the reference shop in
// services/.
export { FormatRegistry, Kind, type Static, type TSchema, Type, TypeRegistry } from '@sinclair/typebox';
export { TypeSystemPolicy } from '@sinclair/typebox/system';
export { defineConfig, type ProjectConfig } from './api/define-config.js';
export { defineSaga } from './api/define-saga.js';
export { defineService } from './api/define-service.js';
export { type IdempotentOptions, idempotencyKey, idempotent } from './api/idempotent-handler.js';
export type {
  CounterBy,
  GaugeBy,
  HistogramBy,
  HistogramOptions,
  LabelValues,
  MetricOptions,
} from './api/metric-types.js';
export type {
  Call,
  Cpu,
  CpuRunOptions,
  GrpcDefinition,
  SagaContext,
  SagaTools,
  ServiceDefinition,
  ServiceDeps,
  ServiceMetrics,
  TaskContext,
} from './api/service-definition.js';
export type { Shared, SharedRateLimiter, SharedRateLimiterOptions } from './api/shared.js';
export {
  createBreaker,
  type StandaloneBreaker,
  type StandaloneBreakerOptions,
} from './api/standalone-breaker.js';
export {
  createBulkhead,
  type StandaloneBulkhead,
  type StandaloneBulkheadOptions,
} from './api/standalone-bulkhead.js';
export {
  createRateLimiter,
  type RateLimiter,
  type RateLimiterOptions,
} from './api/standalone-rate-limiter.js';
export type {
  ClientOf,
  TypedCallOptions,
  TypedCallResponse,
  TypedClient,
  TypedMethod,
} from './api/typed-client.js';
export type {
  Database,
  EffectKey,
  IdempotencyKey,
  Queryable,
  QueryResult,
  Row,
  StoredResponse,
  Transaction,
} from './db/database.js';
export { OutcomeUnknownError } from './db/database-errors.js';
export { isUniqueViolation } from './db/statement-error.js';
export {
  BusinessError,
  ConfigError,
  DeadlineExceededError,
  type ErrorCode,
  type FieldError,
  HttpError,
  type HttpErrorOptions,
  NotFoundError,
  UnavailableError,
  ValidationError,
} from './errors.js';
export type { Counter, Gauge, Histogram, Labels } from './memory/metrics/recorder.js';
export type {
  ExternalDocs,
  OAuthFlow,
  OpenApiOptions,
  OpenApiServer,
  SecurityRequirement,
  SecurityScheme,
} from './openapi-options.js';
export type { RateText } from './rate.js';
export { RequestBodyError } from './request-body-error.js';
export type { Priority } from './resilience/admission.js';
export type { BreakerState } from './resilience/breaker-contract.js';
export type { BreakerOptions } from './resilience/breaker-options.js';
export type { BulkheadOptions } from './resilience/bulkhead-options.js';
export type { Bulkhead } from './resilience/bulkhead-queue.js';
export type { CircuitBreaker } from './resilience/circuit-breaker.js';
export type { RunOptions } from './resilience/policy.js';
export type { RateLimitResult } from './resilience/rate-limit.js';
export { RpcError } from './rpc-error.js';
export type {
  AnySaga,
  Json,
  JsonLike,
  RetryRule,
  SagaDefinition,
  SagaError,
  SagaId,
  SagaStatus,
  SagaStep,
  Sagas,
  SagaView,
  StartedSaga,
  StepStatus,
  StepView,
} from './saga/saga.js';
export { SetErrorFunction } from './server/body/error-texts.js';
export type { FieldPart, FilePart, Part, PartLimits } from './server/body/multipart.js';
export type { BodyExample, MediaTypes, RouteDocs } from './server/docs/route-docs.js';
export type {
  BidiHandler,
  ClientStreamHandler,
  Messages,
  RpcContext,
  RpcHandler,
  RpcHandlers,
  RpcMethodWithOptions,
  RpcOptions,
  ServerStreamHandler,
  UnaryHandler,
} from './server/grpc/rpc-handler.js';
export type {
  Application,
  Context,
  DeclaredResponse,
  FetchApplication,
  FetchHandler,
  FetchOptions,
  FileOptions,
  GroupOptions,
  Handler,
  HandlerResult,
  Hooks,
  ListedFields,
  MaxConcurrent,
  NodeApplication,
  NodeHandler,
  NodeOptions,
  RateLimitOption,
  ReadonlyFields,
  RouteHooks,
  RouteOptions,
  Schemas,
  Sent,
  WebSocketOptions,
} from './server/handler.js';
export { type CorsOptions, cors } from './server/hooks/cors.js';
export { type CsrfGuardOptions, csrfGuard } from './server/hooks/csrf-guard.js';
export { hostGuard } from './server/hooks/host-guard.js';
export { refererGuard } from './server/hooks/referer-guard.js';
export { type SecurityHeadersOptions, securityHeaders } from './server/hooks/security-headers.js';
export type { CookieOptions } from './server/response/cookies.js';
export type { EventSourceFunction, ServerSentEvent } from './server/response/sse.js';
export type { PathParams, RouteSchemas, Sendable } from './server/route-types.js';
export type {
  SendResult,
  ServerWebSocket,
  WebSocketEvents,
  WebSocketLimits,
} from './server/websocket/websocket.js';
export type {
  CallMethod,
  CallOptions,
  CallResponse,
  ClientOptions,
  Fallback,
  FallbackResponse,
  RpcCallOptions,
  RpcResponse,
  ServiceClient,
  StreamedBody,
  StreamedCallOptions,
  StreamedCallResponse,
} from './upstream/call.js';
export type { CanaryOptions, PickerName, UpstreamOptions, Upstreams } from './upstream-options.js';
