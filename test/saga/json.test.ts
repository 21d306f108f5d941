import { expect } from 'chai';
import fc from 'fast-check';
import { maxResultLength, toJson } from '#src/saga/json.js';
import { isSagaId, newSagaId } from '#src/saga/saga-id.js';

describe('a value in the journal', () => {
  it('has the form in which it is read back', () => {
    const at = new Date(0);
    expect(toJson({ at, gone: undefined })).to.deep.equal({ at: at.toISOString() });
    expect(toJson(undefined)).to.equal(null);
  });

  it('is refused when it cannot be stored in the database', () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    for (const value of [
      circle,
      () => 1,
      1n,
      'a\0b',
      '\ud800',
      { '\0': 1 },
      ['\udc00x'],
      'a'.repeat(2 ** 19),
    ]) {
      expect(() => toJson(value)).to.throw(TypeError);
    }
  });

  it('has a smaller limit in a saga with many steps, so that the whole saga can be read', () => {
    expect([1, 8, 16, 1000].map(maxResultLength)).to.deep.equal([524_288, 524_288, 262_144, 4_194]);
    const fits = 'a'.repeat(maxResultLength(1000) - 2);
    expect(toJson(fits, maxResultLength(1000))).to.equal(fits);
    expect(() => toJson(`${fits}a`, maxResultLength(1000))).to.throw(TypeError, '4195 characters');
  });

  it('is refused, with its path, where JSON would store another value', () => {
    const lossy = [
      new Map([['a', 1]]),
      new Set([1]),
      NaN,
      Infinity,
      new Error('a'),
      new Date(NaN),
      Buffer.from('a'),
    ];
    for (const value of [...lossy, Promise.resolve(1), new ReadableStream(), () => 1, undefined]) {
      expect(() => toJson({ paid: [value] })).to.throw(TypeError, '/paid');
    }
  });

  it('may contain text that only looks like an escape', () => {
    for (const text of ['\\u0000', '\\\\ud800', '😀', '\\']) expect(toJson([text])).to.deep.equal([text]);
  });

  it('is any other JSON, unchanged', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (value) => {
        fc.pre(!JSON.stringify(value).includes('\\u0000'));
        expect(JSON.stringify(toJson(value))).to.equal(JSON.stringify(value));
      }),
    );
  });
});

describe('a saga id', () => {
  it('is a UUID of version 7 that carries its time and sorts by it', () => {
    const id = newSagaId(0x0190_1234_5678);
    expect(id).to.match(/^01901234-5678-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(isSagaId(id)).to.equal(true);
    expect(newSagaId(1) < newSagaId(2)).to.equal(true);
    expect(newSagaId(1)).to.not.equal(newSagaId(1));
  });

  it('is recognized, and other text is not', () => {
    for (const text of ['', '1', `${newSagaId(1)}0`, "' or 1=1"]) expect(isSagaId(text)).to.equal(false);
  });
});
