import { expect } from 'chai';
import { suggestedName } from '#src/name-suggestion.js';

const COMMANDS = ['new', 'dev', 'build', 'generate', 'g', 'start', 'migrate', 'ps', 'top', 'info', 'reload'];

describe('the suggestion for a misspelt name', () => {
  for (const [word, name] of [
    ...[
      ['strat', 'start'],
      ['buidl', 'build'],
      ['TOPP', 'top'],
      ['relaod', 'reload'],
      ['nwe', 'new'],
    ],
    ...[
      ['mig', 'migrate'],
      ['gen', 'generate'],
      ['pss', 'ps'],
      ['inf', 'info'],
      ['migrat', 'migrate'],
    ],
  ] as const) {
    it(`is the known one with nearly the same letters: ${word}, ${name}`, () => {
      expect(suggestedName(word, COMMANDS)).to.equal(name);
    });
  }

  it('is the nearest of several', () => {
    expect(suggestedName('hostt', ['port', 'ghosts', 'host'])).to.equal('host');
  });

  for (const word of ['foo', 'nope', 'frobnicate', 'x', 'it', 'deploy', 'ab', '']) {
    it(`is none where more than a third of the letters differ: "${word}"`, () => {
      expect(suggestedName(word, COMMANDS)).to.equal(undefined);
    });
  }

  it('is none without names', () => {
    expect(suggestedName('port', [])).to.equal(undefined);
  });
});
