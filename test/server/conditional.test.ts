import { expect } from 'chai';
import { HeaderValues, STRANGER } from '#src/server/request-fields.js';
import { precondition, rangeOf, type Validators } from '#src/server/response/conditional.js';
import { httpDate, parseHttpDate } from '#src/server/response/http-date.js';

const MODIFIED = Date.UTC(1994, 10, 6, 8, 49, 37);
const AT = httpDate(MODIFIED);
const BEFORE = httpDate(MODIFIED - 1000);
const AFTER = httpDate(MODIFIED + 1000);
const STRONG: Validators = { etag: '"a"', lastModified: MODIFIED, isSettled: true };
const WEAK: Validators = { etag: 'W/"a"', lastModified: MODIFIED, isSettled: false };

const headers = (fields: Readonly<Record<string, string>>): HeaderValues =>
  new HeaderValues(Object.entries(fields).flat(), STRANGER);

describe('a conditional request', () => {
  for (const [fields, validators, get, put] of [
    [{}, STRONG, 'proceed', 'proceed'],
    [{ 'if-none-match': '"a"' }, STRONG, 'not-modified', 'failed'],
    [{ 'if-none-match': 'W/"a"' }, STRONG, 'not-modified', 'failed'],
    [{ 'if-none-match': '"a"' }, WEAK, 'not-modified', 'failed'],
    [{ 'if-none-match': '"x", W/"y" ,"a"' }, STRONG, 'not-modified', 'failed'],
    [{ 'if-none-match': '*' }, STRONG, 'not-modified', 'failed'],
    [{ 'if-none-match': '"x,a"' }, STRONG, 'proceed', 'proceed'],
    [{ 'if-none-match': 'a' }, STRONG, 'proceed', 'proceed'],
    [{ 'if-none-match': '"b"', 'if-modified-since': AFTER }, STRONG, 'proceed', 'proceed'],
    [{ 'if-modified-since': AT }, STRONG, 'not-modified', 'proceed'],
    [{ 'if-modified-since': AFTER }, STRONG, 'not-modified', 'proceed'],
    [{ 'if-modified-since': BEFORE }, STRONG, 'proceed', 'proceed'],
    [{ 'if-modified-since': '2 weeks' }, STRONG, 'proceed', 'proceed'],
    [{ 'if-match': '"a"' }, STRONG, 'proceed', 'proceed'],
    [{ 'if-match': '*' }, STRONG, 'proceed', 'proceed'],
    [{ 'if-match': '"b"' }, STRONG, 'failed', 'failed'],
    [{ 'if-match': 'W/"a"' }, STRONG, 'failed', 'failed'],
    [{ 'if-match': '"a"' }, WEAK, 'failed', 'failed'],
    [{ 'if-match': '"b"', 'if-none-match': '"a"' }, STRONG, 'failed', 'failed'],
    [{ 'if-match': '"a"', 'if-unmodified-since': BEFORE }, STRONG, 'proceed', 'proceed'],
    [{ 'if-unmodified-since': AT }, STRONG, 'proceed', 'proceed'],
    [{ 'if-unmodified-since': BEFORE }, STRONG, 'failed', 'failed'],
    [{ 'if-unmodified-since': 'never' }, STRONG, 'proceed', 'proceed'],
  ] as const) {
    it(`with ${JSON.stringify(fields)} for ${validators.etag} is ${get} for GET, ${put} for PUT`, () => {
      expect(precondition('GET', headers(fields), validators)).to.equal(get);
      expect(precondition('HEAD', headers(fields), validators)).to.equal(get);
      expect(precondition('PUT', headers(fields), validators)).to.equal(put);
    });
  }
});

describe('a range', () => {
  const range = (fields: Readonly<Record<string, string>>, validators = STRONG, size = 100) =>
    rangeOf('GET', headers(fields), validators, size);

  for (const [field, expected] of [
    ['bytes=0-9', { first: 0, last: 9 }],
    ['bytes=99-99', { first: 99, last: 99 }],
    ['bytes=90-', { first: 90, last: 99 }],
    ['bytes=-10', { first: 90, last: 99 }],
    ['bytes=-1000', { first: 0, last: 99 }],
    ['bytes=50-1000', { first: 50, last: 99 }],
    ['Bytes=0-0', { first: 0, last: 0 }],
    ['bytes=100-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=9-0', 'whole'],
    ['bytes=0-1,5-6', 'whole'],
    ['bytes=-', 'whole'],
    ['bytes=a-b', 'whole'],
    ['bytes=+1-2', 'whole'],
    ['bytes=0-9999999999999999', 'whole'],
    ['items=0-9', 'whole'],
    ['0-9', 'whole'],
  ] as const) {
    it(`${field} of 100 bytes is ${JSON.stringify(expected)}`, () => {
      expect(range({ range: field })).to.deep.equal(expected);
    });
  }

  it('applies to GET alone', () => {
    expect(rangeOf('HEAD', headers({ range: 'bytes=0-9' }), STRONG, 100)).to.equal('whole');
  });

  it('of an empty file is not satisfiable', () => {
    expect(range({ range: 'bytes=0-' }, STRONG, 0)).to.equal('unsatisfiable');
    expect(range({ range: 'bytes=-5' }, STRONG, 0)).to.equal('unsatisfiable');
  });

  it('is sent only of the version that the client has', () => {
    const given = (ifRange: string, validators = STRONG): boolean =>
      range({ range: 'bytes=0-9', 'if-range': ifRange }, validators) !== 'whole';
    expect(given('"a"')).to.equal(true);
    expect(given('"b"')).to.equal(false);
    expect(given('W/"a"')).to.equal(false);
    expect(given('"a"', WEAK)).to.equal(false);
    expect(given(AT)).to.equal(true);
    expect(given(AT, WEAK)).to.equal(false);
    expect(given(AFTER)).to.equal(false);
    expect(given('nonsense')).to.equal(false);
  });
});

describe('a date in a header', () => {
  it('is read in all three forms, and written in the first', () => {
    for (const text of [
      'Sun, 06 Nov 1994 08:49:37 GMT',
      'Sunday, 06-Nov-94 08:49:37 GMT',
      'Sun Nov  6 08:49:37 1994',
    ]) {
      expect(parseHttpDate(text), text).to.equal(MODIFIED);
    }
    expect(AT).to.equal('Sun, 06 Nov 1994 08:49:37 GMT');
  });

  it('is not accepted in any other form', () => {
    for (const text of [
      '',
      '1',
      '1994-11-06',
      'Sun, 06 Nov 1994 08:49:37 CET',
      'Sun, 99 Nov 1994 08:49:37 GMT',
    ]) {
      expect(parseHttpDate(text), text).to.equal(undefined);
    }
  });
});
