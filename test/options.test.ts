import { expect } from 'chai';
import { checkOptions, shapeOf, TEXT, typeErrorFor, wholeNumber } from '#src/options.js';

describe('options', () => {
  const shape = shapeOf<{ name: string; limit?: number }>('{ name }', { name: TEXT, limit: wholeNumber(1) }, [
    'name',
  ]);
  const check = (given: unknown) => () => checkOptions(given, shape, typeErrorFor('it'));

  it('match their shape; those that are not required may be undefined', () => {
    for (const given of [{ name: '' }, { name: 'a', limit: undefined }, Object.create({ name: 'a' })])
      check(given)();
  });

  it('are refused with a description of the expected value', () => {
    expect(check({ name: 'a', limt: 1 })).to.throw(
      TypeError,
      'it: unknown option "limt", did you mean "limit"? known are name, limit',
    );
    expect(check({ name: 'a', limit: 0 })).to.throw('it: limit must be a whole number >= 1, not 0');
    expect(check({})).to.throw('it: name must be a string, not undefined');
    const mute = Object.defineProperty({}, 'constructor', { get: () => expect.fail('asked') });
    expect(check({ name: mute })).to.throw('it: name must be a string, not an object');
    expect(check([])).to.throw('it: options must be an object such as { name }, not an empty array');
  });
});
