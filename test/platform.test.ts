import { expect } from 'chai';
import { ConfigError } from '#src/errors.js';
import { checkPlatform, type Platform, thisPlatform } from '#src/platform.js';

const GOOD: Platform = { name: 'linux-x64', node: '20.19.0', abi: '115', glibc: '2.38' };

describe('supported platforms', () => {
  it('include the one that runs this test', () => {
    expect(() => checkPlatform(thisPlatform())).to.not.throw();
  });

  for (const good of [
    GOOD,
    { ...GOOD, name: 'linux-arm64', node: '22.0.0', abi: '127', glibc: '2.41' },
    { ...GOOD, name: 'darwin-arm64', node: '24.1.0', abi: '137', glibc: undefined },
    { ...GOOD, name: 'darwin-x64', node: '25.0.0', abi: '141', glibc: undefined },
    { ...GOOD, glibc: '3.0' },
  ]) {
    it(`include ${good.name}, Node ${good.node}, glibc ${good.glibc ?? '-'}`, () => {
      expect(() => checkPlatform(good)).to.not.throw();
    });
  }

  for (const [bad, message] of [
    [{ ...GOOD, node: '20.18.3' }, /Node.js 20.18.3 is not supported/],
    [{ ...GOOD, node: '18.20.0', abi: '108' }, /Node.js 18.20.0 is not supported/],
    [{ ...GOOD, node: '23.1.0', abi: '131' }, /Node.js 23.1.0 is not supported/],
    [{ ...GOOD, name: 'win32-x64', glibc: undefined }, /win32-x64 is not supported/],
    [{ ...GOOD, name: 'linux-ppc64' }, /linux-ppc64 is not supported/],
    [{ ...GOOD, glibc: undefined }, /musl/],
    [{ ...GOOD, glibc: '2.36' }, /glibc 2.36 is too old/],
  ] as const) {
    it(`do not include ${bad.name}, Node ${bad.node}, glibc ${bad.glibc ?? '-'}`, () => {
      expect(() => checkPlatform(bad)).to.throw(ConfigError, message);
    });
  }
});
