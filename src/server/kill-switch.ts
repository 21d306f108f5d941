// Routes that an operator has switched off: one text that the primary publishes and every worker reads. While
// nothing changes, a request costs the comparison of one word.
import { UnavailableError } from '../errors.js';

/** The reading side of memory/text-page. */
export interface SwitchedOffPage {
  /** A version that differs from the last one means that the text may have changed. */
  version(): number;
  read(): { readonly version: number; readonly text: string };
}

/** A route that can be switched off, as plain data. */
export interface SwitchableRoute {
  readonly service: string;
  readonly method: string;
  /** The path as declared: `/api/users/:id`. */
  readonly path: string;
  /** The name in metrics, spans and logs: `/api/users/{id}`. */
  readonly template: string;
}

/** Reads the list of routes that a worker has sent. Entries of another form are omitted. */
export function switchableRoutesIn(offer: unknown): readonly SwitchableRoute[] {
  if (!Array.isArray(offer)) return [];
  return offer.flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return [];
    const { service, method, path, template } = entry as Readonly<Record<string, unknown>>;
    const isRoute = [service, method, path, template].every((text) => typeof text === 'string');
    return isRoute ? [{ service, method, path, template } as SwitchableRoute] : [];
  });
}

/** The key of a route, such as `GET /api/users/{id}`, and the seconds of `Retry-After`. */
export type SwitchedOff = Readonly<Record<string, number>>;

/** The key of a route: method and template, as in metrics and spans. */
export const routeKey = (method: string, template: string): string => `${method} ${template}`;

/**
 * The error type of such a refusal in metrics, spans and logs, which tells it from overload. Clients see the
 * code OVERLOADED.
 */
export const SWITCHED_OFF = 'SWITCHED_OFF';

export const writeSwitchedOff = (routes: SwitchedOff): string => JSON.stringify(routes);

/** The switch of one route in one thread. */
export class KillSwitch {
  readonly #page: SwitchedOffPage;
  readonly #key: string;
  #version = 0;
  /** Created once for each change, because a refusal has to be cheap; undefined while the route is on. */
  #refusal: UnavailableError | undefined;

  /** @param page its version 0 means that no route has been switched off yet */
  constructor(page: SwitchedOffPage, key: string) {
    this.#page = page;
    this.#key = key;
  }

  /**
   * The error while the route is off; undefined while it is on. Load is shed on purpose, so callers must not
   * hold it against this instance.
   */
  refusal(): UnavailableError | undefined {
    if (this.#page.version() !== this.#version) this.#refresh();
    return this.#refusal;
  }

  /** Whether `refusal()` has just returned this error. */
  hasRefused(error: unknown): boolean {
    return this.#refusal !== undefined && error === this.#refusal;
  }

  #refresh(): void {
    const { version, text } = this.#page.read();
    const off = JSON.parse(text) as SwitchedOff;
    this.#refusal = Object.hasOwn(off, this.#key)
      ? new UnavailableError('OVERLOADED', 'This route is switched off for now.', off[this.#key])
      : undefined;
    this.#version = version;
  }
}
