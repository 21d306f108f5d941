import { expect } from 'chai';
import type { QueryResult } from '#src/db/database.js';
import { Rows } from '#src/db/rows.js';
import { NotFoundError } from '#src/errors.js';
import { rejection } from './fixtures/open.js';

class Given extends Rows {
  readonly #rows: readonly unknown[];

  constructor(...rows: readonly unknown[]) {
    super();
    this.#rows = rows;
  }

  override query<R>(): Promise<QueryResult<R>> {
    return Promise.resolve({ rows: this.#rows as R[], rowCount: this.#rows.length });
  }
}

describe('rows', () => {
  it('are what the caller expects', async () => {
    expect(await new Given(1).one('')).to.equal(1);
    expect(await new Given(1).maybeOne('')).to.equal(1);
    expect(await new Given().maybeOne('')).to.equal(undefined);
    expect(await new Given(1, 2).many('')).to.deep.equal([1, 2]);
  });

  it('are too few or too many, and the error says how many were expected', async () => {
    expect(await rejection(new Given().one(''))).to.be.instanceOf(NotFoundError);
    expect(await rejection(new Given(1, 2).one(''))).to.have.property('message', 'expected one row, got 2');
    const most = 'expected at most one row, got 2';
    expect(await rejection(new Given(1, 2).maybeOne(''))).to.have.property('message', most);
  });
});
