// `one`, `maybeOne` and `many`, made of `query`: they say how many rows the caller expects.
import { NotFoundError } from '../errors.js';
import type { Queryable, QueryResult, Row } from './database.js';

export abstract class Rows implements Queryable {
  abstract query<R = Row>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>>;

  async one<R = Row>(text: string, values?: readonly unknown[]): Promise<R> {
    const row = await this.maybeOne<R>(text, values);
    if (row === undefined) throw new NotFoundError('There is no such record.');
    return row;
  }

  /** @throws Error when there are several rows */
  async maybeOne<R = Row>(text: string, values?: readonly unknown[]): Promise<R | undefined> {
    const { rows } = await this.query<R>(text, values);
    if (rows.length > 1) throw new Error(`expected at most one row, got ${rows.length}`);
    return rows[0];
  }

  async many<R = Row>(text: string, values?: readonly unknown[]): Promise<R[]> {
    return (await this.query<R>(text, values)).rows;
  }
}
