import { expect } from 'chai';
import fc from 'fast-check';
import { ConfigError } from '#src/errors.js';
import { projectError } from '#src/user-code/project-error.js';

const MEMBERS = ['name', 'message', 'stack', 'cause'] as const;

describe('the error for what a project has thrown', () => {
  it('is readable whichever members of the original cannot be read or are not texts', () => {
    const member = fc.constantFrom(
      'as it is',
      'throws',
      Object.create(null),
      Symbol('odd'),
      null,
      undefined,
      5n,
    );
    fc.assert(
      fc.property(fc.tuple(member, member, member, member), (members) => {
        const odd = new Error('odd');
        expect(odd.stack).to.contain('odd'); // V8 writes it now, not when a member is odd already
        for (const [index, value] of members.entries()) {
          if (value === 'as it is') continue;
          const get = (): unknown => {
            if (value === 'throws') throw odd;
            return value;
          };
          Object.defineProperty(odd, MEMBERS[index]!, { get });
        }
        const failure = projectError(odd, 'while routes are registered', { file: 'multilane.config.js' });
        expect(failure).to.be.instanceOf(ConfigError);
        expect(failure.message).to.match(/^\S+: .*\n(?:.*\n)* {2}while routes are registered\. Correct it/);
      }),
      { numRuns: 300 },
    );
  });

  it('has the messages of all failures of which the original has none itself', () => {
    const refused = ['::1', '127.0.0.1'].map((address) => new Error(`connect ECONNREFUSED ${address}:5432`));
    const { message } = projectError(new AggregateError(refused), 'while routes are registered');
    expect(message).to.include(
      'AggregateError: connect ECONNREFUSED ::1:5432, connect ECONNREFUSED 127.0.0.1:5432\n',
    );
  });

  it('is readable when no member of the original can be read', () => {
    const refuse = (): never => {
      throw new Error('no');
    };
    const odd = new Proxy(new Error('odd'), {
      get: refuse,
      getPrototypeOf: refuse,
      has: refuse,
      ownKeys: refuse,
    });
    const { message } = projectError(odd, 'while routes are registered');
    expect(message).to.match(/was thrown, which is no Error\n {2}while routes are registered/);
  });
});
