import { expect } from 'chai';
import { EtcdRefusal } from '#src/registry/backends/etcd-api.js';
import { RegistryFailure } from '#src/registry/backends/http-api.js';
import { outageText } from '#src/registry/backends/outage-text.js';

const withCode = (code: string, message: string): Error => Object.assign(new Error(message), { code });

describe('what is wrong with a shared registry', () => {
  for (const [what, error, text] of [
    ['no server', withCode('ECONNREFUSED', 'connect ECONNREFUSED'), 'cannot be reached'],
    ['a server that hangs', new Error('timeout'), 'cannot be reached'],
    [
      'a wrong password',
      withCode('28P01', 'password authentication failed for user "mesh"'),
      /refuses.*mesh/,
    ],
    ['an unknown database', withCode('3D000', 'database "nope" does not exist'), /"nope".*check user/],
    ['a server that starts', withCode('57P03', 'the database system is starting up'), 'cannot be reached'],
    ['a broken connection', withCode('EPIPE', 'write EPIPE'), 'cannot be reached'],
    [
      'a server that only reads',
      withCode('25006', 'cannot execute LISTEN during recovery'),
      /refuses.*recovery.*check/,
    ],
    [
      'a locked table',
      withCode('55P03', 'canceling statement due to lock timeout'),
      'responds with an error (55P03: canceling statement due to lock timeout)',
    ],
    ['a wrong account of etcd', new EtcdRefusal('etcd responded with status 400'), /refuses.*REGISTRY$/],
    [
      'an etcd without room',
      new EtcdRefusal('mvcc: database space exceeded; compact it'),
      'has no room left (mvcc: database space exceeded; compact it)',
    ],
    ['a wrong token', new RegistryFailure(401, 'A token is needed.'), /401: A token.*check REGISTRY_TOKEN$/],
    ['a data plane', new RegistryFailure(404, undefined), /ADMIN_PORT/],
    ['a broken hub', new RegistryFailure(500, undefined), /responds with status 500/],
  ] as const) {
    it(`is told of ${what}`, () => {
      if (typeof text === 'string') expect(outageText(error)).to.equal(text);
      else expect(outageText(error)).to.match(text);
    });
  }
});
