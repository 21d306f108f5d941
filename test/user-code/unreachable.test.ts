import { expect } from 'chai';
import { ConfigError } from '#src/errors.js';
import { isUnreachable } from '#src/user-code/unreachable.js';

const coded = (code: string, more: object = {}): Error => Object.assign(new Error('x'), { code, ...more });
const named = (name: string): Error => Object.assign(new Error('x'), { name });
const refused = coded('ECONNREFUSED');
const circle = new Error('x');
circle.cause = new Error('x', { cause: circle });

describe('an error of a project', () => {
  const codes =
    'ECONNREFUSED ECONNRESET ETIMEDOUT EHOSTUNREACH ENETUNREACH ENETDOWN ENOTFOUND EAI_AGAIN EPIPE ' +
    'UND_ERR_CONNECT_TIMEOUT ERR_SOCKET_CONNECTION_TIMEOUT 57P01 57P03 53300 08006 FST_ERR_PLUGIN_TIMEOUT';
  const unreachable: Readonly<Record<string, unknown>> = {
    ...Object.fromEntries(codes.split(' ').map((code) => [code, coded(code)])),
    'a socket file that is not there': coded('ENOENT', { syscall: 'connect' }),
    'a failed fetch': new TypeError('fetch failed', { cause: refused }),
    'all addresses of a host': new AggregateError([refused, coded('EHOSTUNREACH')]),
    'a cause of a cause': new Error('x', { cause: new Error('x', { cause: refused }) }),
    'an error of Mongoose': named('MongooseServerSelectionError'),
    'an error of Sequelize': named('SequelizeConnectionRefusedError'),
    'an error of Prisma': Object.assign(new Error('x'), { errorCode: 'P1001' }),
    'an object that is no Error': { code: 'ETIMEDOUT' },
  };
  for (const [what, error] of Object.entries(unreachable))
    it(`is about a server that cannot be reached: ${what}`, () => {
      expect(isUnreachable(error)).to.equal(true);
    });

  const mistakes: Readonly<Record<string, unknown>> = {
    'no error at all': undefined,
    'a text': 'ECONNREFUSED',
    'an error without a code': new Error('connect ECONNREFUSED'),
    'a port that is taken': coded('EADDRINUSE', { syscall: 'listen' }),
    'a file that is not there': coded('ENOENT', { syscall: 'open' }),
    'a module that is not there': coded('ERR_MODULE_NOT_FOUND'),
    'a wrong password': coded('28P01'),
    'a certificate': coded('CERT_HAS_EXPIRED'),
    'one of several': new AggregateError([refused, new Error('x')]),
    'a collection without errors': new AggregateError([]),
    'a wrong declaration': new ConfigError('x', { cause: refused }),
    'a circle of causes': circle,
    'a code that is no text': Object.assign(new Error('x'), { code: 57 }),
    'a member that throws': Object.defineProperty(new Error('x'), 'code', {
      get: () => {
        throw new Error('no');
      },
    }),
  };
  for (const [what, error] of Object.entries(mistakes))
    it(`is a mistake: ${what}`, () => {
      expect(isUnreachable(error)).to.equal(false);
    });
});
