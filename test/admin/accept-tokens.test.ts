import { expect } from 'chai';
import fc from 'fast-check';
import { parseAcceptTokens } from '#src/admin/accept-tokens.js';
import { ConfigError } from '#src/errors.js';

const character = fc.integer({ min: 0x24, max: 0x7e }).map((code) => String.fromCharCode(code));
const tokenOf = (constraints: { minLength: number; maxLength: number }): fc.Arbitrary<string> =>
  fc.string({ ...constraints, unit: character });
const services = fc.array(fc.constantFrom('users', 'orders', 'payments'), { minLength: 1, maxLength: 3 });
const distinct = { selector: ([token]: readonly [string, readonly string[]]) => token };
const line = fc.tuple(tokenOf({ minLength: 32, maxLength: 64 }), services);

const textOf = (lines: readonly (readonly [string, readonly string[]])[]): string =>
  lines.map(([token, names]) => `${token} ${names.join(',')}`).join('\n');

describe('REGISTRY_ACCEPT_TOKENS_FILE', () => {
  it('lists the services of every token of at least 32 characters', () => {
    fc.assert(
      fc.property(fc.uniqueArray(line, distinct), (lines) => {
        const given = lines.map(([token, grants]) => ({ token, grants }));
        expect(parseAcceptTokens(`# who\n\n${textOf(lines)}\n`, 'f')).to.deep.equal([...given]);
      }),
    );
  });

  it('with a shorter token anywhere is refused, naming file, line and next step but no token', () => {
    const shorter = fc.tuple(tokenOf({ minLength: 4, maxLength: 31 }), services);
    fc.assert(
      fc.property(fc.uniqueArray(line, distinct), shorter, fc.array(line), (before, short, behind) => {
        let message = '';
        try {
          parseAcceptTokens(textOf([...before, short, ...behind]), 'tokens.txt');
        } catch (error) {
          expect(error).to.be.instanceOf(ConfigError);
          ({ message } = error as ConfigError);
        }
        expect(message).to.include(`tokens.txt line ${before.length + 1}:`);
        expect(message).to.include('at least 32').and.to.include('openssl rand');
        expect(` ${message} `).not.to.include(` ${short[0]} `);
      }),
    );
  });

  const messageOf = (text: string): string => {
    try {
      parseAcceptTokens(text, 'tokens.txt');
      return '';
    } catch (error) {
      expect(error).to.be.instanceOf(ConfigError);
      return (error as ConfigError).message;
    }
  };

  it('with a token on two lines is refused, naming both lines but no token', () => {
    const token = 'secret'.repeat(8);
    const message = messageOf(`# orders\n${token} orders\n\n${token} users\n`);
    expect(message).to.include('tokens.txt line 4').and.to.include('line 2').and.not.to.include('secret');
  });

  it('with a name that no service can have is refused, naming its line and place, and not what is there', () => {
    const token = 'x'.repeat(40);
    for (const name of ['Orders', 'or_ders;users', '-users', 'secret'.repeat(20), 'a'.repeat(64)]) {
      const message = messageOf(`${token} users,${name}`);
      expect(message).to.include('tokens.txt line 1: service 2').and.not.to.include(name);
    }
  });
});
