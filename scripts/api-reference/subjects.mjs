// The sections of docs/api.md: which exports belong together, and which pages explain them. Every export is in one.

/** @typedef {{ title: string, pages: string[], about: string, names: string }} Subject */

/** @type {readonly Subject[]} */
export const SUBJECTS = [
  {
    title: 'Services and configuration',
    pages: ['services', 'typescript', 'settings', 'resilience'],
    about:
      'A project is a configuration with services. A service declares what it serves and gets what it works with.',
    names: `defineService ServiceDefinition ServiceDeps defineConfig ProjectConfig UpstreamOptions Upstreams
      CanaryOptions PickerName`,
  },
  {
    title: 'Routes and hooks',
    pages: ['http', 'authentication', 'websocket', 'from-express', 'from-fastify'],
    about: 'What `routes(app, deps)` declares, and what runs around its handlers.',
    names: `Application RouteOptions GroupOptions Schemas RouteSchemas PathParams Sendable Hooks RouteHooks Handler
      HandlerResult DeclaredResponse RateLimitOption RateText MaxConcurrent Priority FetchApplication FetchHandler
      FetchOptions NodeApplication NodeHandler NodeOptions cors CorsOptions csrfGuard CsrfGuardOptions hostGuard
      refererGuard securityHeaders SecurityHeadersOptions`,
  },
  {
    title: 'Requests and responses',
    pages: ['http', 'uploads', 'static-files'],
    about: 'What a handler reads of the request, and how it responds.',
    names: `Context ReadonlyFields ListedFields Part FieldPart FilePart PartLimits CookieOptions FileOptions Sent
      ServerSentEvent EventSourceFunction`,
  },
  {
    title: 'Schemas',
    pages: ['http', 'typescript'],
    about: 'The schemas of TypeBox, which validate requests and give handlers their types.',
    names: 'Type Static TSchema Kind FormatRegistry TypeRegistry TypeSystemPolicy SetErrorFunction',
  },
  {
    title: 'WebSockets',
    pages: ['websocket'],
    about: 'The options and the connections of `app.ws`.',
    names: 'WebSocketOptions WebSocketEvents WebSocketLimits ServerWebSocket SendResult',
  },
  {
    title: 'The OpenAPI document',
    pages: ['http'],
    about: 'What the document at `/openapi.json` says beside the schemas of the routes.',
    names: `OpenApiOptions OpenApiServer ExternalDocs SecurityScheme SecurityRequirement OAuthFlow RouteDocs MediaTypes
      BodyExample`,
  },
  {
    title: 'Clients of other services',
    pages: ['services', 'resilience'],
    about: 'How a service calls another one, in this process or elsewhere.',
    names: `Call ClientOf ClientOptions ServiceClient CallMethod CallOptions CallResponse Fallback FallbackResponse
      StreamedBody StreamedCallOptions StreamedCallResponse TypedClient TypedMethod TypedCallOptions
      TypedCallResponse`,
  },
  {
    title: 'gRPC',
    pages: ['grpc'],
    about: 'The handlers of gRPC methods, and calls of them.',
    names: `GrpcDefinition RpcHandlers RpcHandler UnaryHandler ServerStreamHandler ClientStreamHandler BidiHandler Messages
      RpcContext RpcMethodWithOptions RpcOptions RpcCallOptions RpcResponse RpcError`,
  },
  {
    title: 'Sagas of a service',
    pages: ['sagas'],
    about: 'Work over several services that is completed or compensated, also after a crash.',
    names: `defineSaga SagaDefinition SagaStep SagaContext SagaTools RetryRule Sagas StartedSaga SagaView StepView
      SagaStatus StepStatus SagaError SagaId AnySaga Json JsonLike`,
  },
  {
    title: 'The database of a service',
    pages: ['database'],
    about: 'Statements, transactions, and effects that happen once.',
    names: `Database Queryable Transaction QueryResult Row idempotent IdempotentOptions idempotencyKey IdempotencyKey
      EffectKey StoredResponse isUniqueViolation OutcomeUnknownError`,
  },
  {
    title: 'CPU tasks',
    pages: ['cpu'],
    about: 'Functions that run on the threads of the CPU pool.',
    names: 'Cpu CpuRunOptions TaskContext',
  },
  {
    title: 'Limits, breakers and bulkheads',
    pages: ['resilience', 'services', 'cluster-limits'],
    about: 'Those of a service are shared by its workers. The functions `create…` make some for own threads.',
    names: `Shared SharedRateLimiter SharedRateLimiterOptions RateLimitResult CircuitBreaker BreakerOptions BreakerState
      Bulkhead BulkheadOptions RunOptions createBreaker StandaloneBreaker StandaloneBreakerOptions createBulkhead
      StandaloneBulkhead StandaloneBulkheadOptions createRateLimiter RateLimiter RateLimiterOptions`,
  },
  {
    title: 'Metrics of a service',
    pages: ['metrics'],
    about: 'Counters, gauges and histograms of own code.',
    names: `ServiceMetrics MetricOptions HistogramOptions Counter Gauge Histogram Labels CounterBy GaugeBy HistogramBy
      LabelValues`,
  },
  {
    title: 'Errors',
    pages: ['errors'],
    about: 'What handlers throw, and what calls throw.',
    names: `HttpError HttpErrorOptions BusinessError NotFoundError ValidationError UnavailableError DeadlineExceededError
      RequestBodyError ConfigError ErrorCode FieldError`,
  },
  {
    title: 'Testing',
    pages: ['testing'],
    about: 'The exports of `multilane/testing`.',
    names: `createTestApp TestApp TestAppOptions InjectRequest InjectResponse InjectedStream LogLine ServiceOverrides
      DependencyOverrides ClientStub MissingDependencyError startCluster ClusterOptions TestCluster ClusterError Exit
      startPostgres TestPostgres`,
  },
];

/** The meanings of exports of another package, whose declarations have no comments of ours. */
export const FOREIGN = {
  Type: 'Builds schemas: `Type.Object({ name: Type.String({ minLength: 1 }) })`. The TypeBox of `multilane` is the one to use, since schemas of another copy have other symbols.',
  Static: 'The type of the values that match a schema: `Static<typeof Item>`.',
  TSchema: 'Any schema.',
  Kind: 'The symbol under which a schema has its kind; schemas of own kinds need it.',
  FormatRegistry:
    "Registers own values of `format`: `FormatRegistry.Set('sku', (value) => /^[A-Z]{3}-\\d+$/.test(value))`.",
  TypeRegistry: 'Registers the checks of own kinds of schemas.',
  TypeSystemPolicy: 'Switches of TypeBox for all checks, such as whether `NaN` is a number.',
};
