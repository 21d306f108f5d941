// A service declares its routes when its worker starts, but its database and its sagas arrive some time
// later. Until then its routes hold stand-ins: each method passes the call on to the real dependency once
// that has arrived, and throws 503 STARTING before.
import type { Database } from '../db/database.js';
import { UnavailableError } from '../errors.js';
import type { Sagas } from '../saga/saga.js';

/** A value that arrives once, some time after it was promised. */
export class Pending<T> {
  readonly #name: string;
  #value: T | undefined;

  /** @param name what is pending, for the text of the error */
  constructor(name: string) {
    this.#name = name;
  }

  get hasArrived(): boolean {
    return this.#value !== undefined;
  }

  arrive(value: T): void {
    this.#value = value;
  }

  /** @throws UnavailableError STARTING before the value has arrived */
  get value(): T {
    if (this.#value === undefined) throw new UnavailableError('STARTING', `${this.#name} is not ready yet.`);
    return this.#value;
  }
}

export function pendingDatabase(database: Pending<Database>): Database {
  return {
    query: async (...args) => database.value.query(...args),
    one: async (...args) => database.value.one(...args),
    maybeOne: async (...args) => database.value.maybeOne(...args),
    many: async (...args) => database.value.many(...args),
    transaction: async (...args) => database.value.transaction(...args),
    idempotent: async (...args) => database.value.idempotent(...args),
    compensate: async (...args) => database.value.compensate(...args),
    outcomeOf: async (key) => database.value.outcomeOf(key),
  } as Database;
}

export function pendingSagas(sagas: Pending<Sagas>): Sagas {
  return {
    start: async (...args) => sagas.value.start(...args),
    wait: async (...args) => sagas.value.wait(...args),
    get: async (sagaId) => sagas.value.get(sagaId),
  };
}

/**
 * Stands in for a dependency that the service has not declared: any use of it is a mistake of the service's
 * author and throws a TypeError.
 */
export function undeclared<T extends object>(service: string, what: string): T {
  return new Proxy({} as T, {
    get() {
      const declared = what === 'sagas' ? 'sagas' : 'migrations or sagas';
      throw new TypeError(`service "${service}" has no ${what}: declare ${declared}`);
    },
  });
}
