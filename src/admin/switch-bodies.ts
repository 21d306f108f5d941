// Checks the bodies of requests that change switches.
import { LOG_LEVELS, type LogLevel } from '../telemetry/log-level.js';
import { BodyFields } from './body-fields.js';

/** With this value an operator undoes a change, and the setting is in effect again. */
export const AUTO = 'auto';

/** `GRPC` is that of gRPC methods, `_OTHER` stands for the other methods of a mounted application. */
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', '_OTHER', 'GRPC'] as const;
const STATES = ['on', 'off'] as const;
/** The range of CPU_THREADS. */
const MAX_CPU_THREADS = 256;
const MAX_ROUTE = 1_000;
const MAX_RETRY_AFTER_S = 86_400;

interface Reasoned {
  readonly reason: string | null;
}

/** @throws ValidationError */
export function logLevelOf(body: unknown): Reasoned & { readonly level: LogLevel | typeof AUTO } {
  const fields = new BodyFields(body, ['level', 'reason']);
  const level = fields.oneOf('level', [...LOG_LEVELS, AUTO]);
  return fields.checked({ level, reason: fields.reason() });
}

/** @throws ValidationError */
export function ratioOf(body: unknown): Reasoned & { readonly ratio: number | typeof AUTO } {
  const fields = new BodyFields(body, ['ratio', 'reason']);
  const ratio = fields.member(
    'ratio',
    'must be a number from 0 to 1, or auto',
    (value) => value === AUTO || (typeof value === 'number' && value >= 0 && value <= 1),
  ) as number | typeof AUTO;
  return fields.checked({ ratio, reason: fields.reason() });
}

/** @throws ValidationError */
export function cpuThreadsOf(body: unknown): Reasoned & { readonly threads: number | typeof AUTO } {
  const fields = new BodyFields(body, ['threads', 'reason']);
  const threads = fields.member(
    'threads',
    `must be a whole number from 1 to ${MAX_CPU_THREADS}, or auto or null for the setting`,
    (value) =>
      value === AUTO ||
      value === null ||
      (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_CPU_THREADS),
  ) as number | typeof AUTO | null;
  return fields.checked({ threads: threads ?? AUTO, reason: fields.reason() });
}

export interface RouteSwitch extends Reasoned {
  readonly method: string;
  readonly route: string;
  readonly state: (typeof STATES)[number];
  readonly retryAfterS: number | undefined;
}

/** @throws ValidationError */
export function routeSwitchOf(body: unknown): RouteSwitch {
  const fields = new BodyFields(body, ['method', 'route', 'state', 'retryAfterSeconds', 'reason']);
  const method = fields.oneOf('method', METHODS);
  const route = fields.member(
    'route',
    'must be a route as it was declared, or its template',
    (value) => typeof value === 'string' && value.startsWith('/') && value.length <= MAX_ROUTE,
  ) as string;
  const state = fields.oneOf('state', STATES);
  const retryAfterS = fields.optional(
    'retryAfterSeconds',
    `must be a whole number from 1 to ${MAX_RETRY_AFTER_S}`,
    (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_RETRY_AFTER_S,
  ) as number | undefined;
  return fields.checked({ method, route, state, retryAfterS, reason: fields.reason() });
}
