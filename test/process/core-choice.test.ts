import { expect } from 'chai';
import { ConfigError, StartError } from '#src/errors.js';
import { AddonMissing } from '#src/process/addon-hash.js';
import { coreChoice, type UwsFacts } from '#src/process/core-choice.js';

const GOOD: UwsFacts = { noBuild: () => undefined, verify() {}, load() {} };
const never = (): never => {
  throw new Error('must not be looked up');
};
const UNTOUCHED: UwsFacts = { noBuild: never, verify: never, load: never };

const OLD_GLIBC: UwsFacts = {
  ...UNTOUCHED,
  noBuild: () => ({
    why: 'uWebSockets.js needs glibc 2.38 or newer, and this is 2.36',
    remedy: 'use Debian 13',
  }),
};
const ABSENT: UwsFacts = {
  ...UNTOUCHED,
  noBuild: () => undefined,
  verify() {
    throw new AddonMissing('uWebSockets.js: uws_linux_x64_115.node is missing', undefined);
  },
};
const CHANGED: UwsFacts = {
  ...ABSENT,
  verify() {
    throw new StartError('uWebSockets.js: uws_linux_x64_115.node is not the pinned build');
  },
};
const UNLOADABLE: UwsFacts = {
  ...GOOD,
  load() {
    throw new Error('libc.so.6: cannot open shared object file\nRequire stack:');
  },
};

describe('the choice of the HTTP core', () => {
  it('is uws where it loads', () => {
    expect(coreChoice({ httpCore: 'auto' }, GOOD)).to.deep.equal({
      core: 'uws',
      why: 'uWebSockets.js loads here',
    });
    expect(coreChoice({ httpCore: 'uws' }, GOOD)).to.deep.equal({ core: 'uws', why: 'HTTP_CORE=uws' });
  });

  it('has the place as its reason at which it was written', () => {
    for (const [httpCoreWritten, why] of [
      ['--http-core', '--http-core=node'],
      ['multilane.config.js: httpCore', 'multilane.config.js: httpCore=node'],
    ] as const)
      expect(coreChoice({ httpCore: 'node', httpCoreWritten }, UNTOUCHED).why).to.equal(why);
  });

  it('looks nothing up for HTTP_CORE=node', () => {
    expect(coreChoice({ httpCore: 'node' }, UNTOUCHED)).to.deep.equal({
      core: 'node',
      why: 'HTTP_CORE=node',
    });
  });

  it('is node on a platform without a build, which is no reason for a warning', () => {
    expect(coreChoice({ httpCore: 'auto' }, OLD_GLIBC)).to.deep.equal({
      core: 'node',
      why: 'uWebSockets.js needs glibc 2.38 or newer, and this is 2.36',
    });
  });

  for (const [what, facts, why] of [
    ['an absent file', ABSENT, 'uWebSockets.js: uws_linux_x64_115.node is missing'],
    [
      'a file that does not load',
      UNLOADABLE,
      'uWebSockets.js cannot be loaded: libc.so.6: cannot open shared object file',
    ],
  ] as const) {
    it(`is node with a warning of one line, and the next step, for ${what}`, () => {
      expect(coreChoice({ httpCore: 'auto' }, facts)).to.deep.equal({
        core: 'node',
        why,
        warning:
          `the HTTP core node runs, because ${why}; run "npm ci" (in a new project "npm install"), ` +
          'or set HTTP_CORE to node',
      });
    });
  }

  for (const [what, facts] of [
    ['a platform without a build', OLD_GLIBC],
    ['an absent file', ABSENT],
    ['a file that does not load', UNLOADABLE],
  ] as const) {
    it(`refuses HTTP_CORE=uws for ${what}, and names the setting`, () => {
      expect(() => coreChoice({ httpCore: 'uws' }, facts)).to.throw(
        ConfigError,
        /^HTTP_CORE: uws cannot run: uWebSockets\.js.*; .*, or set it to node$/,
      );
    });
  }

  for (const asked of ['auto', 'uws'] as const) {
    it(`never hides a file that is not the pinned one: HTTP_CORE=${asked}`, () => {
      expect(() => coreChoice({ httpCore: asked }, CHANGED)).to.throw(StartError, /is not the pinned build/);
    });
  }
});
