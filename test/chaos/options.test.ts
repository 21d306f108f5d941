import { expect } from 'chai';
import { parseOptions } from './options.js';

describe('the options of a chaos run', () => {
  it('are parsed', () => {
    expect(parseOptions(['--seconds', '600', '--seed', '7', '--workers', '4'])).to.deep.equal({
      seconds: 600,
      seed: 7,
      workers: 4,
    });
  });

  it('have defaults, and a new seed for every run', () => {
    expect(parseOptions([])).to.include({ seconds: 60, workers: 3 });
    expect(parseOptions([])?.seed).to.be.a('number');
  });

  it('are ignored with --help', () => {
    expect(parseOptions(['--help', '--seconds', '5'])).to.equal(undefined);
  });

  for (const argv of [
    ['--seconds', '0'],
    ['--seconds', 'long'],
    ['--workers', '1'],
    ['--seed', '1.5'],
    ['--seed', ''],
    ['--quick'],
    ['5'],
  ]) {
    it(`refuse ${argv.join(' ')}`, () => {
      expect(() => parseOptions(argv)).to.throw(Error, argv[0]!);
    });
  }
});
