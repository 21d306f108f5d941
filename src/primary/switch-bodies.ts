// What an operator sends to the switches, checked: every member that is wrong is named, one that is not known is wrong.
import { type FieldError, ValidationError } from '../errors.js';
import { LOG_LEVELS, type LogLevel } from '../telemetry/log-level.js';

/** Back to what the settings say. */
export const AUTO = 'auto';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const STATES = ['on', 'off'] as const;
const MAX_REASON = 200;
const MAX_ROUTE = 1_000;
const MAX_RETRY_AFTER_S = 86_400;
/** Unknown members that are named; a body may hold thousands. */
const MAX_UNKNOWN = 16;

interface Reasoned {
  readonly reason: string | null;
}

/** @throws ValidationError */
export function logLevelOf(body: unknown): Reasoned & { readonly level: LogLevel | typeof AUTO } {
  const fields = new Fields(body, ['level', 'reason']);
  const level = fields.oneOf('level', [...LOG_LEVELS, AUTO]);
  return fields.checked({ level, reason: fields.reason() });
}

/** @throws ValidationError */
export function samplingOf(body: unknown): Reasoned & { readonly ratio: number | typeof AUTO } {
  const fields = new Fields(body, ['ratio', 'reason']);
  const ratio = fields.member(
    'ratio',
    'must be a number from 0 to 1, or auto',
    (value) => value === AUTO || (typeof value === 'number' && value >= 0 && value <= 1),
  ) as number | typeof AUTO;
  return fields.checked({ ratio, reason: fields.reason() });
}

export interface RouteSwitch extends Reasoned {
  readonly method: string;
  readonly route: string;
  readonly state: (typeof STATES)[number];
  readonly retryAfterS: number | undefined;
}

/** @throws ValidationError */
export function routeSwitchOf(body: unknown): RouteSwitch {
  const fields = new Fields(body, ['method', 'route', 'state', 'retryAfterSeconds', 'reason']);
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

class Fields {
  readonly #given: Readonly<Record<string, unknown>>;
  readonly #errors: FieldError[] = [];

  /** @throws ValidationError when it is no object */
  constructor(body: unknown, known: readonly string[]) {
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      throw new ValidationError([{ path: '', message: 'must be an object' }]);
    }
    this.#given = body as Readonly<Record<string, unknown>>;
    const unknown = Object.keys(body).filter((name) => !known.includes(name));
    for (const name of unknown.slice(0, MAX_UNKNOWN)) {
      this.#errors.push({ path: pointerTo(name), message: 'is not known' });
    }
  }

  member(name: string, message: string, isRight: (value: unknown) => boolean): unknown {
    const value = Object.hasOwn(this.#given, name) ? this.#given[name] : undefined;
    if (!isRight(value)) this.#errors.push({ path: pointerTo(name), message });
    return value;
  }

  optional(name: string, message: string, isRight: (value: unknown) => boolean): unknown {
    return this.member(name, message, (value) => value === undefined || isRight(value));
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T {
    const message = `must be one of ${values.join(', ')}`;
    return this.member(name, message, (value) => values.includes(value as T)) as T;
  }

  reason(): string | null {
    const isText = (value: unknown): boolean =>
      value === null || (typeof value === 'string' && value.length <= MAX_REASON);
    const message = `must be a text of at most ${MAX_REASON} characters`;
    return (this.optional('reason', message, isText) ?? null) as string | null;
  }

  /** @throws ValidationError naming all that was wrong */
  checked<T>(value: T): T {
    if (this.#errors.length > 0) throw new ValidationError(this.#errors);
    return value;
  }
}

/** RFC 6901 section 3. */
const pointerTo = (name: string): string => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
