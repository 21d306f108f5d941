import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { NODE_ABIS, noBuildOf, type Platform, refusalOf, thisPlatform } from '#scripts/platform.mjs';
import { ADDON_SHA256 } from '#src/process/addon-hash.js';
import { CLI, cleanEnvironment, PRIMARY, ROOT } from './support/cluster.js';

const GOOD: Platform = { name: 'linux-x64', node: '20.19.0', abi: '115', glibc: '2.38' };

interface Manifest {
  readonly engines: { readonly node: string };
  readonly scripts: Readonly<Record<string, string>>;
}
const manifestIn = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as Manifest;

describe('supported versions of Node.js', () => {
  it('include the one that runs this test', () => {
    expect(refusalOf(thisPlatform())).to.equal(undefined);
  });

  for (const node of ['20.19.0', '22.0.0', '23.1.0', '24.1.0', '25.0.0', '26.10.0']) {
    it(`include ${node}`, () => {
      expect(refusalOf({ node })).to.equal(undefined);
    });
  }

  for (const node of ['20.18.3', '18.20.0']) {
    it(`do not include ${node}`, () => {
      expect(refusalOf({ node })).to.match(
        new RegExp(
          `^Node\\.js ${node.replaceAll('.', '\\.')} is not supported: 20\\.19 .* best Node\\.js 24`,
        ),
      );
    });
  }

  it('are those that package.json declares, here and in a new project', () => {
    for (const folder of ['.', 'template/ts', 'template/js'])
      expect(manifestIn(folder).engines.node).to.equal('>=20.19.0');
  });
});

describe('the platforms with a build of uWebSockets.js', () => {
  for (const good of [
    GOOD,
    { ...GOOD, name: 'linux-arm64', node: '22.0.0', abi: '127', glibc: '2.41' },
    { ...GOOD, name: 'darwin-arm64', node: '24.1.0', abi: '137', glibc: undefined },
    { ...GOOD, name: 'darwin-x64', node: '25.0.0', abi: '141', glibc: undefined },
    { ...GOOD, glibc: '3.0' },
  ]) {
    it(`include ${good.name}, Node ${good.node}, glibc ${good.glibc ?? '-'}`, () => {
      expect(noBuildOf(good)).to.equal(undefined);
    });
  }

  for (const [bad, why, remedy] of [
    [{ ...GOOD, node: '23.1.0', abi: '131' }, /Node\.js 20, 22, 24 and 25, .* 23\.1\.0$/, /Node\.js 24/],
    [{ ...GOOD, node: '26.10.0', abi: '147' }, /Node\.js 20, 22, 24 and 25, .* 26\.10\.0$/, /Node\.js 24/],
    [{ ...GOOD, name: 'win32-x64', glibc: undefined }, /win32-x64$/, /WSL 2/],
    [{ ...GOOD, name: 'linux-ppc64' }, /linux-arm64.* linux-ppc64$/, /use one of them/],
    [{ ...GOOD, glibc: undefined }, /glibc 2\.38, .*musl/, /Debian 13/],
    [{ ...GOOD, glibc: '2.36' }, /glibc 2\.38 or newer, .* 2\.36$/, /Debian 13/],
  ] as const) {
    it(`do not include ${bad.name}, Node ${bad.node}, glibc ${bad.glibc ?? '-'}`, () => {
      const lack = noBuildOf(bad);
      expect(lack?.why).to.match(why);
      expect(lack?.remedy).to.match(remedy);
    });
  }

  it('are those that the pinned package has addons for', () => {
    const abis = new Set(Object.keys(ADDON_SHA256).map((name) => /_(\d+)\.node$/.exec(name)?.[1]));
    expect([...abis]).to.have.members(Object.keys(NODE_ABIS));
  });
});

const NODE_18 = `Object.defineProperty(process, 'versions', {
  value: { ...process.versions, node: '18.20.0', modules: '108' },
});`;

/** Runs a script of Node.js with these facts about the platform. */
const runWhere = (fact: string, args: readonly string[], cwd: string) => {
  const shim = `data:text/javascript,${encodeURIComponent(fact)}`;
  return spawnSync(process.execPath, ['--import', shim, ...args], {
    cwd,
    env: cleanEnvironment(),
    encoding: 'utf8',
  });
};

const SAYS = /^multilane: Node\.js 18\.20\.0 is not supported: .*\n$/;

describe('a version of Node.js that is not supported', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'multilane-platform-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  for (const args of [[PRIMARY], [CLI, 'new', 'shop'], [CLI, 'start']]) {
    it(`is refused with one line and exit code 78 by ${args.join(' ').replace(ROOT, '')}`, () => {
      const { status, stdout, stderr } = runWhere(NODE_18, args, folder);
      expect({ status, stdout }).to.deep.equal({ status: 78, stdout: '' });
      expect(stderr).to.match(SAYS);
      expect(readdirSync(folder)).to.deep.equal([]);
    });
  }

  it(`is refused before anything is installed or built`, () => {
    for (const file of ['scripts', 'package.json', 'package-lock.json']) {
      cpSync(join(ROOT, file), join(folder, file), { recursive: true });
    }
    const before = readdirSync(folder);
    const { status, stderr } = runWhere(NODE_18, ['scripts/setup.mjs', '--tests'], folder);
    expect(status).to.equal(78);
    expect(stderr).to.match(SAYS);
    expect(readdirSync(folder)).to.deep.equal(before);
  });

  it(`is refused by the install script of the package`, () => {
    const [program, ...args] = manifestIn('.').scripts.preinstall!.split(' ');
    expect(program).to.equal('node');
    const { status, stderr } = runWhere(NODE_18, args, ROOT);
    expect(status).to.equal(78);
    expect(stderr).to.match(SAYS);
  });
});
