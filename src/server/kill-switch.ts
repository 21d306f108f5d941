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

export const writeSwitchedOff = (routes: SwitchedOff): string => JSON.stringify(routes);

/** The switch of one route in one thread. */
export class KillSwitch {
  readonly #page: SwitchedOffPage;
  readonly #key: string;
  #version = 0;
  #retryAfter: number | undefined;

  /** @param page its version 0 means that no route has been switched off yet */
  constructor(page: SwitchedOffPage, key: string) {
    this.#page = page;
    this.#key = key;
  }

  get isOff(): boolean {
    if (this.#page.version() !== this.#version) this.#refresh();
    return this.#retryAfter !== undefined;
  }

  /**
   * The error while the route is off. Load is shed on purpose, so callers must not hold it against this
   * instance.
   */
  refusal(): UnavailableError {
    return new UnavailableError('OVERLOADED', 'This route is switched off for now.', this.#retryAfter);
  }

  #refresh(): void {
    const { version, text } = this.#page.read();
    const off = JSON.parse(text) as SwitchedOff;
    this.#retryAfter = Object.hasOwn(off, this.#key) ? off[this.#key] : undefined;
    this.#version = version;
  }
}
