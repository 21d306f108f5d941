// What the client of a handler gets of the failure of a called service.
import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { outwardError, RpcError, type RpcErrorOptions } from '#src/rpc-error.js';

const failure = (members: Partial<RpcErrorOptions> = {}): RpcError =>
  new RpcError('DATABASE_BUSY', 'Later.', {
    service: 'stock',
    grpc: 'UNAVAILABLE',
    status: 503,
    retryable: true,
    notExecuted: false,
    hasCode: true,
    trailers: {},
    ...members,
  });

describe('the failure of a called service', () => {
  const statuses = Array.from({ length: 200 }, (_, at) => 400 + at);
  const passedOn = (hasCode: boolean): number[] =>
    statuses.filter((status) => {
      const error = failure({ status, hasCode });
      expect(error.isPassedOn).to.equal(outwardError(error) === error);
      return error.isPassedOn;
    });

  it('is passed on with 500, 502, 503 and 504 of a service with codes', () => {
    expect(passedOn(true)).to.deep.equal([500, 502, 503, 504]);
  });

  it('is BAD_UPSTREAM without the text of the service otherwise', () => {
    expect(passedOn(false)).to.deep.equal([]);
    const error = failure({ hasCode: false });
    const shown = outwardError(error) as HttpError;
    expect(shown).to.be.instanceOf(HttpError).and.include({ code: 'BAD_UPSTREAM', cause: error });
    expect(shown.message).to.equal('A request to service stock has failed.');
  });

  for (const value of ['0', '1', '07', '3600', '86400'])
    it(`passes on retry-after ${value}`, () => {
      expect(failure({ trailers: { 'retry-after': value } }).headers).to.deep.equal({ 'retry-after': value });
    });

  for (const value of [
    '',
    '-5',
    '+5',
    '1.5',
    '1e3',
    '0x10',
    ' 5',
    '86401',
    '99999999999999999999',
    '5, 6',
    'Wed, 21 Oct 2015 07:28:00 GMT',
    '٣',
    new Uint8Array([53]),
  ])
    it(`does not pass on retry-after ${JSON.stringify(value)}, which remains in its trailers`, () => {
      const error = failure({ trailers: { 'retry-after': value } });
      expect(error.headers).to.equal(undefined);
      expect(error.trailers['retry-after']).to.equal(value);
    });
});
