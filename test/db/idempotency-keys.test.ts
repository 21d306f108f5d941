import { expect } from 'chai';
import fc from 'fast-check';
import type { ClosableDatabase } from '#src/db/create-database.js';
import { fingerprintOf } from '#src/db/request-fingerprint.js';
import { closeOpened, migratedDatabase, open, rejection } from './fixtures/open.js';

describe('idempotency keys', () => {
  let db: ClosableDatabase;
  before(async () => {
    db = open(await migratedDatabase());
  });
  after(closeOpened);

  it('belong to their scope, however long it is, and to no key that looks like a scoped one', async () => {
    const key = { route: 'POST /x', key: 'k', body: {} };
    let effects = 0;
    const effect = async () => ({ status: 201, body: ++effects });
    const scopes = [undefined, 'ada', 'bob', 'x'.repeat(100_000), key.key, '\n'];
    for (let time = 0; time < 2; time++) {
      for (const [index, scope] of scopes.entries()) {
        const { body } = await db.idempotent({ ...key, ...(scope === undefined ? {} : { scope }) }, effect);
        expect(body).to.equal(index + 1);
      }
    }
    for (const scope of ['', 7, null]) {
      expect(await rejection(db.outcomeOf({ ...key, scope: scope as never }))).to.be.instanceOf(TypeError);
    }
  });

  it('have a fingerprint that is different for every other pair of target and body', () => {
    const target = fc.constantFrom('', '1', '\n', '1\n', '\n"1"', '1\n"1"');
    const body = fc.constantFrom(undefined, null, 1, '1', '\n', '1\n"1"', { a: '\n' });
    fc.assert(
      fc.property(target, body, target, body, (target1, body1, target2, body2) => {
        const isSame = target1 === target2 && body1 === body2;
        expect(fingerprintOf(body1, target1) === fingerprintOf(body2, target2)).to.equal(isSame);
      }),
      { numRuns: 1_000 },
    );
    expect(fingerprintOf({ a: 1 }, '')).to.equal(fingerprintOf({ a: 1 }));
  });

  it('have a fingerprint that differs for other values, and not for another order of members', () => {
    expect(fingerprintOf({ a: 1, b: 2 })).to.equal(fingerprintOf({ b: 2, a: 1 }));
    expect(fingerprintOf([1, 2])).to.not.equal(fingerprintOf([2, 1]));
    expect(fingerprintOf({ a: '1' })).to.not.equal(fingerprintOf({ a: 1 }));
    expect(fingerprintOf({ a: null })).to.not.equal(fingerprintOf({}));
    const proto = JSON.parse('{"__proto__":1}') as unknown;
    expect(fingerprintOf(proto)).to.not.equal(fingerprintOf({}));
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(fingerprintOf(JSON.parse(JSON.stringify(value)))).to.equal(fingerprintOf(value));
      }),
    );
  });
});
