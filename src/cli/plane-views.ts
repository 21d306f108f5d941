// Schemas of the responses of an admin plane (docs/contract.md, section 5). They contain only the members
// that commands read, so that a plane of another version may have other members.
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';

const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** The response to `GET /workers`. */
const workers = Type.Array(
  Type.Object({
    id: Type.Number(),
    // Planes of older versions have HTTP workers only, and do not name their kind.
    kind: Type.Optional(Type.String()),
    generation: Type.Number(),
    state: Type.String(),
    startedAt: orNull(Type.String()),
    connections: Type.Number(),
    inFlight: Type.Number(),
    requests: Type.Number(),
    loopUtilization: Type.Number(),
    loopDelayP99Ms: Type.Number(),
    heapUsedMb: Type.Number(),
    current: orNull(Type.Object({ route: orNull(Type.String()), sinceMs: Type.Number() })),
  }),
);

/** The response to `GET /metrics.json`. */
const totals = Type.Object({
  request_count: Type.Number(),
  error_count: Type.Number(),
  active_requests: Type.Number(),
  uptime_seconds: Type.Number(),
  response_time_ms: Type.Object({
    p50: Type.Number(),
    p90: Type.Number(),
    p99: Type.Number(),
    max: Type.Number(),
  }),
});

/** The response to `GET /overview`. */
const overview = Type.Object({
  windowS: Type.Number(),
  requests: Type.Object({ perSecond: Type.Number(), errorsPerSecond: Type.Number() }),
  latencyMs: Type.Object({ p50: orNull(Type.Number()), p99: orNull(Type.Number()) }),
  problems: Type.Array(Type.Object({ severity: Type.String(), title: Type.String(), detail: Type.String() })),
  process: Type.Optional(
    Type.Object({ pid: Type.Number(), host: Type.String(), folder: Type.Optional(Type.String()) }),
  ),
});

/** The response to `GET /routes`. */
const routes = Type.Object({
  items: Type.Array(
    Type.Object({
      method: Type.String(),
      route: Type.String(),
      perSecond: Type.Number(),
      errorsPerSecond: Type.Number(),
      p50Ms: orNull(Type.Number()),
      p99Ms: orNull(Type.Number()),
      cpuRatio: orNull(Type.Number()),
      stalls: Type.Number(),
      off: Type.Boolean(),
    }),
  ),
});

/** The response to `GET /breakers`. */
const breakers = Type.Object({
  items: Type.Array(
    Type.Object({
      service: Type.String(),
      instance: Type.String(),
      state: Type.String(),
      forced: Type.Boolean(),
      window: orNull(Type.Object({ calls: Type.Number(), failures: Type.Number() })),
      probes: orNull(Type.Object({ permitted: Type.Number(), succeeded: Type.Number() })),
      retryInMs: orNull(Type.Number()),
    }),
  ),
});

const sagaError = Type.Object({ code: Type.String(), message: Type.String() });

/** The response to `GET /sagas/:id`, and to requests that act on a saga. */
const saga = Type.Object({
  sagaId: Type.String(),
  saga: Type.String(),
  version: Type.Number(),
  status: Type.String(),
  reason: orNull(Type.String()),
  createdAt: Type.String(),
  updatedAt: Type.String(),
  error: orNull(Type.Composite([sagaError, Type.Object({ failedStep: Type.String() })])),
  steps: Type.Array(
    Type.Object({
      name: Type.String(),
      status: Type.String(),
      attempts: Type.Number(),
      finishedAt: orNull(Type.String()),
      error: orNull(sagaError),
    }),
  ),
});

/** The response to `GET /sagas`. */
const sagaPage = Type.Object({
  items: Type.Array(Type.Pick(saga, ['sagaId', 'saga', 'version', 'status', 'updatedAt', 'reason'])),
  nextCursor: orNull(Type.String()),
});

const VIEWS = { workers, totals, overview, routes, breakers, saga, sagaPage, nothing: Type.Unknown() };

export type ViewName = keyof typeof VIEWS;
export type View<Name extends ViewName> = Static<(typeof VIEWS)[Name]>;

/** Describes the first part of a response that does not match its schema; undefined when all parts match. */
export function mismatchIn(name: ViewName, json: unknown): string | undefined {
  const mismatch = Value.Errors(VIEWS[name], json).First();
  return mismatch && `${mismatch.message} at ${mismatch.path || '/'}`;
}
