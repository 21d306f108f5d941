// The right of one transaction to use a session alone. Code of a service may go on after its transaction has
// ended, and what it sent then would run on its own or in the next transaction on that session. After `end`
// the lease sends nothing.
import type pg from 'pg';
import type { Connection, SendOptions } from './connection.js';
import { DatabaseMisuseError } from './database-errors.js';

export class Lease {
  #connection: Connection | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get broken(): boolean {
    return this.#session().broken;
  }

  /** @throws DatabaseMisuseError when the lease has ended; what `Connection.send` throws */
  send(what: SendOptions): Promise<pg.QueryResult> {
    return this.#session().send(what);
  }

  /** See `Connection.sendScript`. @throws as `send` does */
  sendScript(text: string, limitMs: number, deadlineAt: number): Promise<pg.QueryResult> {
    return this.#session().sendScript(text, limitMs, deadlineAt);
  }

  /** See `Connection.resetSession`. */
  resetSession(limitMs: number, deadlineAt: number): Promise<void> {
    return this.#session().resetSession(limitMs, deadlineAt);
  }

  /** See `Connection.destroy`. */
  destroy(): void {
    this.#session().destroy();
  }

  /** Ends the lease. @returns the session, which goes back to the pool */
  end(): Connection {
    const connection = this.#session();
    this.#connection = undefined;
    return connection;
  }

  #session(): Connection {
    if (this.#connection === undefined)
      throw new DatabaseMisuseError('the transaction has ended and has returned its session');
    return this.#connection;
  }
}
