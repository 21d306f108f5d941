import { expect } from 'chai';
import { errorTypeOf, isHttpError, shownErrorType } from '#src/error-type.js';
import { HttpError } from '#src/errors.js';
import { UNREADABLE_VALUES } from '#test/support/unreadable-values.js';

const withMembers = (members: object): Error => Object.assign(new Error('e'), members);

describe('the type of an error', () => {
  it('is its SQLSTATE, its code or its name, in this order', () => {
    expect(errorTypeOf(withMembers({ sqlState: '57014', code: 'C', name: 'N' }))).to.equal('57014');
    expect(errorTypeOf(withMembers({ sqlState: '', code: 'ECONNRESET', name: 'N' }))).to.equal('ECONNRESET');
    expect(errorTypeOf(new DOMException('gone', 'AbortError'))).to.equal('AbortError');
    expect(errorTypeOf(new HttpError('OUT_OF_STOCK', 'none'))).to.equal('OUT_OF_STOCK');
  });

  it('is never free text, and no secret that can be recognized', () => {
    const secret = `ghp_${'a1B2'.repeat(9)}`;
    for (const text of ['token=hunter2', 'a b', 'a\nb', '', 'x'.repeat(65), secret]) {
      expect(errorTypeOf(withMembers({ sqlState: text, code: text, name: text })), text).to.equal('Error');
      expect(shownErrorType(text), text).to.equal('unknown');
    }
    expect(['404', 'NO_INSTANCE', '57014'].map(shownErrorType)).to.deep.equal([
      '404',
      'NO_INSTANCE',
      '57014',
    ]);
  });

  for (const [name, make] of Object.entries(UNREADABLE_VALUES)) {
    it(`can be read of ${name}`, () => {
      expect(errorTypeOf(make())).to.be.oneOf(['unknown', 'Error']);
      expect(isHttpError(make())).to.equal(false);
    });
  }
});
