// `one`, `maybeOne` and `many`, made of `query`: they say how many rows the caller expects.
import { NotFoundError } from '../errors.js';
import type { Queryable, QueryResult, Row } from './database.js';

export abstract class Rows implements Queryable {
  abstract query<R = Row>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>>;

  /** @throws NotFoundError when there is no row; Error when there are several */
  async one<R = Row>(text: string, values?: readonly unknown[]): Promise<R> {
    const row = await this.#first<R>(text, values, 'one row');
    if (row === undefined) throw new NotFoundError('There is no such record.');
    return row;
  }

  /** @throws Error when there are several rows */
  async maybeOne<R = Row>(text: string, values?: readonly unknown[]): Promise<R | undefined> {
    return this.#first<R>(text, values, 'at most one row');
  }

  async #first<R>(
    text: string,
    values: readonly unknown[] | undefined,
    expected: string,
  ): Promise<R | undefined> {
    const { rows } = await this.query<R>(text, values);
    if (rows.length > 1) throw new Error(`expected ${expected}, got ${rows.length}`);
    return rows[0];
  }

  async many<R = Row>(text: string, values?: readonly unknown[]): Promise<R[]> {
    return (await this.query<R>(text, values)).rows;
  }
}
