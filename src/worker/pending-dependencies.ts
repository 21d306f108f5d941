// A service's routes are declared when its worker starts, its database is there some time later. What routes
// get at once is a handle that passes on to the real thing; until then their requests are answered 503
// STARTING.
import type { Database } from '../db/database.js';
import { UnavailableError } from '../errors.js';
import type { Sagas } from '../saga/saga.js';

/** One value that is set once. */
export class Pending<T> {
  readonly #name: string;
  #value: T | undefined;

  /** @param name what is missing, for the error of whoever is too early */
  constructor(name: string) {
    this.#name = name;
  }

  get set(): boolean {
    return this.#value !== undefined;
  }

  arrive(value: T): void {
    this.#value = value;
  }

  /** @throws UnavailableError STARTING */
  get value(): T {
    if (this.#value === undefined) throw new UnavailableError('STARTING', `${this.#name} is not ready yet.`);
    return this.#value;
  }
}

export function pendingDatabase(late: Pending<Database>): Database {
  return {
    query: async (...args) => late.value.query(...args),
    one: async (...args) => late.value.one(...args),
    maybeOne: async (...args) => late.value.maybeOne(...args),
    many: async (...args) => late.value.many(...args),
    transaction: async (...args) => late.value.transaction(...args),
    idempotent: async (...args) => late.value.idempotent(...args),
    compensate: async (...args) => late.value.compensate(...args),
    outcomeOf: async (key) => late.value.outcomeOf(key),
  } as Database;
}

export function pendingSagas(late: Pending<Sagas>): Sagas {
  return {
    start: async (...args) => late.value.start(...args),
    wait: async (...args) => late.value.wait(...args),
    get: async (sagaId) => late.value.get(sagaId),
  };
}

/** For a service that declared neither migrations nor sagas: using `db` is a fault of its author. */
export function undeclared<T extends object>(service: string, what: string): T {
  return new Proxy({} as T, {
    get() {
      throw new TypeError(`service "${service}" has no ${what}: declare migrations or sagas`);
    },
  });
}
