// Checks the members of a body of an admin request. All wrong members are reported at once, unknown ones too.
import { type FieldError, ValidationError } from '../errors.js';
import { pointerTo } from '../problem.js';

const MAX_REASON = 200;
/** The most unknown members that are reported: a body may hold thousands. */
const MAX_UNKNOWN = 16;

export class BodyFields {
  readonly #members: Readonly<Record<string, unknown>>;
  readonly #errors: FieldError[] = [];

  /** @throws ValidationError when the body is not an object */
  constructor(body: unknown, known: readonly string[]) {
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      throw new ValidationError([{ path: '', message: 'must be an object' }]);
    }
    this.#members = body as Readonly<Record<string, unknown>>;
    const unknown = Object.keys(body).filter((name) => !known.includes(name));
    for (const name of unknown.slice(0, MAX_UNKNOWN)) {
      this.#errors.push({ path: pointerTo(name), message: 'is not known' });
    }
  }

  /** @param message follows the pointer to the member, e.g. `must be a number` */
  member(name: string, message: string, isValid: (value: unknown) => boolean): unknown {
    const value = Object.hasOwn(this.#members, name) ? this.#members[name] : undefined;
    if (!isValid(value)) this.#errors.push({ path: pointerTo(name), message });
    return value;
  }

  optional(name: string, message: string, isValid: (value: unknown) => boolean): unknown {
    return this.member(name, message, (value) => value === undefined || isValid(value));
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T {
    const message = `must be one of ${values.join(', ')}`;
    return this.member(name, message, (value) => values.includes(value as T)) as T;
  }

  /** The operator's reason for a change, for the log. */
  reason(): string | null {
    const isText = (value: unknown): boolean =>
      value === null || (typeof value === 'string' && value.length <= MAX_REASON);
    const message = `must be a string of at most ${MAX_REASON} characters`;
    return (this.optional('reason', message, isText) ?? null) as string | null;
  }

  /** @throws ValidationError that names every wrong member */
  checked<T>(value: T): T {
    if (this.#errors.length > 0) throw new ValidationError(this.#errors);
    return value;
  }
}
