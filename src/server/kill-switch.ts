// Routes that an operator has switched off, as one text that the primary publishes and every worker reads.
// While nothing changes a request compares one word.
import { UnavailableError } from '../errors.js';

/** memory/snapshot-page, as it is read. */
export interface SwitchedOffPage {
  /** Other than before: the text may have changed. */
  version(): number;
  read(): { readonly version: number; readonly text: string };
}

/** A route that can be switched off, as plain data. */
export interface SwitchableRoute {
  readonly service: string;
  readonly method: string;
  /** As it was declared: `/api/users/:id`. */
  readonly path: string;
  /** As metrics, spans and logs name it: `/api/users/{id}`. */
  readonly template: string;
}

/** Reads what a worker sends of its routes; an entry of another form is left out. */
export function switchableRoutesIn(offer: unknown): readonly SwitchableRoute[] {
  if (!Array.isArray(offer)) return [];
  return offer.flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return [];
    const { service, method, path, template } = entry as Readonly<Record<string, unknown>>;
    const isRoute = [service, method, path, template].every((text) => typeof text === 'string');
    return isRoute ? [{ service, method, path, template } as SwitchableRoute] : [];
  });
}

/** `GET /api/users/{id}` -> the seconds of `Retry-After`. */
export type SwitchedOff = Readonly<Record<string, number>>;

/** What a route is switched by: its method and template, as in metrics and spans. */
export const routeKey = (method: string, template: string): string => `${method} ${template}`;

export const writeSwitchedOff = (routes: SwitchedOff): string => JSON.stringify(routes);

/** One route's, in one thread. */
export class KillSwitch {
  readonly #page: SwitchedOffPage;
  readonly #key: string;
  #version = 0;
  #retryAfter: number | undefined;

  /** @param page version 0 says that nothing was ever switched off */
  constructor(page: SwitchedOffPage, key: string) {
    this.#page = page;
    this.#key = key;
  }

  get isOff(): boolean {
    if (this.#page.version() !== this.#version) this.#look();
    return this.#retryAfter !== undefined;
  }

  /** While it is off: load that is shed on purpose, and says nothing against the instance that sheds it. */
  refusal(): UnavailableError {
    return new UnavailableError('OVERLOADED', 'This route is switched off for now.', this.#retryAfter);
  }

  #look(): void {
    const { version, text } = this.#page.read();
    const off = JSON.parse(text) as SwitchedOff;
    this.#retryAfter = Object.hasOwn(off, this.#key) ? off[this.#key] : undefined;
    this.#version = version;
  }
}
