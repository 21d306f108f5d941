import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { BusinessError, ERROR_TABLE, HttpError, UnavailableError } from '#src/errors.js';
import { problemDocument } from '#src/problem.js';

interface Row {
  readonly status: number;
  readonly grpc: string;
  readonly title: string;
  readonly retryable: boolean;
}

/** Rows of the table in docs/errors.md, by code. */
function documented(): Record<string, Row> {
  const rows = readFileSync('docs/errors.md', 'utf8').matchAll(
    /^\| `(\w+)` \| (\d+) \| (\w+) \| ([^|]+) \| (yes|no) \| [^|]{10,} \|$/gm,
  );
  return Object.fromEntries(
    [...rows].map(([, code = '', status, grpc = '', title = '', repeat]) => [
      code,
      { status: Number(status), grpc, title, retryable: repeat === 'yes' },
    ]),
  );
}

describe('errors', () => {
  it('are documented in docs/errors.md exactly as in the table of the code', () => {
    expect(documented()).to.deep.equal(ERROR_TABLE);
  });

  it('with status 503 are always retryable', () => {
    for (const [code, { status, retryable }] of Object.entries(ERROR_TABLE)) {
      if (status === 503) expect(retryable, code).to.equal(true);
    }
    expect(new UnavailableError('OVERLOADED', 'x').headers).to.have.property('retry-after', '1');
  });

  it('have status, title and gRPC status from the table', () => {
    const error = new HttpError('EMAIL_TAKEN', 'This address is taken.');
    expect(error).to.include({
      status: 409,
      grpc: 'ALREADY_EXISTS',
      title: 'E-mail taken',
      retryable: false,
    });
  });

  it('with a code that is not in the table have status 500 by default', () => {
    expect(new HttpError('OUT_OF_STOCK', 'x')).to.include({
      status: 500,
      title: 'Out of stock',
      grpc: 'INTERNAL',
    });
    expect(new HttpError('OUT_OF_STOCK', 'x', { status: 409 })).to.include({ status: 409, grpc: 'ABORTED' });
  });

  it('do not treat a member of Object as a code', () => {
    expect(new HttpError('toString', 'x').status).to.equal(500);
  });

  it('of business rules are 422 unless the table or the caller sets another status, and never retryable', () => {
    expect(new BusinessError('OUT_OF_STOCK', 'x')).to.include({ status: 422, retryable: false });
    expect(new BusinessError('PAYMENT_DECLINED', 'x')).to.include({ status: 402, retryable: false });
    expect(new BusinessError('OUT_OF_STOCK', 'x', { status: 409 }).status).to.equal(409);
    expect(new BusinessError('OVERLOADED', 'x').retryable).to.equal(false);
  });

  const faults: readonly (readonly [what: string, make: () => Error, says: string])[] = [
    [
      'a status in place of the code',
      () => new HttpError(404 as never, 'x'),
      "must be a text such as 'OUT_OF_STOCK', not 404",
    ],
    [
      'a status in place of the options',
      () => new HttpError('X', 'x', 409 as never),
      'error X: its options must be an object such as { status: 409 }, not 409',
    ],
    [
      'a business rule with a status in place of its options',
      () => new BusinessError('X', 'x', 409 as never),
      'not 409',
    ],
    [
      'a misspelt option',
      () => new HttpError('X', 'x', { statuss: 418 } as never),
      'error X: unknown option "statuss"; known are status',
    ],
    [
      'a business rule with an option of other errors',
      () => new BusinessError('X', 'x', { headers: {} } as never),
      'known are status, details',
    ],
  ];
  for (const [what, make, says] of faults) {
    it(`cannot be made with ${what}`, () => expect(make).to.throw(TypeError, says));
  }

  it('have a type that is a valid URN, whatever their code is', () => {
    const request = { requestId: 'r', traceId: 't', executed: true };
    for (const [code, type] of [
      ['OUT_OF_STOCK', 'out-of-stock'],
      ['sold out', 'sold-out'],
      ['ü\ud800', '--'],
    ] as const) {
      const { type: given } = problemDocument(new BusinessError(code, 'x'), request);
      expect(given).to.equal(`urn:multilane:problem:${type}`);
    }
  });
});
