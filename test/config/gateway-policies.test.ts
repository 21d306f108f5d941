import { expect } from 'chai';
import { gatewayPolicies, services } from '#src/config/gateway-policies.js';
import { ConfigError } from '#src/errors.js';

describe('the setting GATEWAY', () => {
  for (const [text, expected] of [
    ['off', []],
    ['OFF', []],
    ['orders', ['orders']],
    ['orders, users', ['orders', 'users']],
    ['Orders', undefined],
    ['orders;users', undefined],
    ['off,orders ,', undefined],
    ['', undefined],
  ] as const) {
    it(`reads ${JSON.stringify(text)}`, () => {
      expect(services.parse(text)).to.deep.equal(expected);
    });
  }

  it('is a list of names, or an object of policies by name, in a configuration file', () => {
    const read = (value: unknown) => services.parse(services.fromFile(value) ?? 'none, at all');
    expect(read(['orders', 'users'])).to.deep.equal(['orders', 'users']);
    expect(read('orders')).to.deep.equal(['orders']);
    expect(read({ orders: {}, users: { retries: 0 } })).to.deep.equal(['orders', 'users']);
    for (const off of [[], {}, false, 'off']) expect(read(off)).to.deep.equal([]);
    for (const wrong of [{ 'Or ders': {} }, [7], 7]) expect(read(wrong)).to.equal(undefined);
  });
});

describe('the policies of the gateway', () => {
  const read = (value: unknown) => gatewayPolicies({ path: '', name: 'multilane.config.mjs' }, value);

  it('are those of the object, and none for a list of names', () => {
    const policies = { orders: { rateLimit: '100/second', timeoutMs: 5000, retries: 1, bodyLimit: 10e6 } };
    expect(read(policies)).to.deep.equal(policies);
    for (const names of ['orders', ['orders'], undefined]) expect(read(names)).to.deep.equal({});
  });

  for (const [what, policy, message] of [
    ['an unknown option', { timeout: 5 }, /orders: unknown option "timeout"/],
    ['a rate that is none', { rateLimit: '5/hour' }, /rateLimit must be "off"/],
    ['a time that is none', { timeoutMs: 0 }, /timeoutMs must be a positive number/],
    ['too many repetitions', { retries: 11 }, /retries must be a whole number from 0 to 10/],
    ['a limit that is none', { bodyLimit: -1 }, /bodyLimit must be a whole number of bytes/],
    ['no object', 5000, /the policy must be an object/],
  ] as const) {
    it(`are refused for ${what}, with file and service`, () => {
      expect(() => read({ orders: policy }))
        .to.throw(ConfigError)
        .with.property('message')
        .that.matches(message)
        .and.includes('multilane.config.mjs: gateway: orders');
    });
  }
});
