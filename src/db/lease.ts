// A session in the hands of one owner. It serves nobody else until it is given back, and the owner's code may
// outlive that: what it sends afterwards would run on its own, or in the transaction of the next owner.
import type pg from 'pg';
import type { Connection, Send } from './connection.js';
import { DatabaseMisuseError } from './database-errors.js';

export class Lease {
  #connection: Connection | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get broken(): boolean {
    return this.#held().broken;
  }

  /** @throws DatabaseMisuseError when the session was given back; what `Connection.send` throws */
  send(what: Send): Promise<pg.QueryResult> {
    return this.#held().send(what);
  }

  /** As `send`. */
  sendScript(text: string, limitMs: number, deadlineAt: number): Promise<pg.QueryResult> {
    return this.#held().sendScript(text, limitMs, deadlineAt);
  }

  /** As `Connection.cleanse`. */
  cleanse(limitMs: number, deadlineAt: number): Promise<void> {
    return this.#held().cleanse(limitMs, deadlineAt);
  }

  /** As `Connection.destroy`. */
  destroy(): void {
    this.#held().destroy();
  }

  /** Ends it. @returns the session, for who has lent it */
  end(): Connection {
    const connection = this.#held();
    this.#connection = undefined;
    return connection;
  }

  #held(): Connection {
    if (this.#connection === undefined) throw new DatabaseMisuseError('the session was given back');
    return this.#connection;
  }
}
