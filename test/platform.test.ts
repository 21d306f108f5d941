import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { NODE_ABIS, type Platform, refusalOf, thisPlatform } from '#scripts/platform.mjs';
import { ADDON_SHA256 } from '#src/process/addon-hash.js';
import { CLI, cleanEnvironment, PRIMARY, ROOT } from './support/cluster.js';

const GOOD: Platform = { name: 'linux-x64', node: '20.19.0', abi: '115', glibc: '2.38' };

interface Manifest {
  readonly engines: { readonly node: string };
  readonly scripts: Readonly<Record<string, string>>;
}
const manifestIn = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as Manifest;

describe('supported platforms', () => {
  it('include the one that runs this test', () => {
    expect(refusalOf(thisPlatform())).to.equal(undefined);
  });

  for (const good of [
    GOOD,
    { ...GOOD, name: 'linux-arm64', node: '22.0.0', abi: '127', glibc: '2.41' },
    { ...GOOD, name: 'darwin-arm64', node: '24.1.0', abi: '137', glibc: undefined },
    { ...GOOD, name: 'darwin-x64', node: '25.0.0', abi: '141', glibc: undefined },
    { ...GOOD, glibc: '3.0' },
  ]) {
    it(`include ${good.name}, Node ${good.node}, glibc ${good.glibc ?? '-'}`, () => {
      expect(refusalOf(good)).to.equal(undefined);
    });
  }

  for (const [bad, message] of [
    [
      { ...GOOD, node: '20.18.3' },
      /^Node\.js 20\.18\.3 is not supported: .* \(20\.19 or newer\).* Install .*Node\.js 24/,
    ],
    [{ ...GOOD, node: '18.20.0', abi: '108' }, /^Node\.js 18\.20\.0 is not supported/],
    [{ ...GOOD, node: '23.1.0', abi: '131' }, /^Node\.js 23\.1\.0 is not supported/],
    [
      { ...GOOD, node: '26.10.0', abi: '147' },
      /^Node\.js 26\.10\.0 is not supported: .* 22, 24 and 25\. Install/,
    ],
    [{ ...GOOD, name: 'win32-x64', glibc: undefined }, /^win32-x64 is not supported: .* WSL 2/],
    [{ ...GOOD, name: 'linux-ppc64' }, /^linux-ppc64 is not supported: .* linux-arm64/],
    [{ ...GOOD, glibc: undefined }, /musl.* needs glibc 2\.38\. Use /],
    [{ ...GOOD, glibc: '2.36' }, /^glibc 2\.36 is too old: .* 2\.38 or newer\. Use Debian 13/],
  ] as const) {
    it(`do not include ${bad.name}, Node ${bad.node}, glibc ${bad.glibc ?? '-'}`, () => {
      expect(refusalOf(bad)).to.match(message);
    });
  }

  it('are those that the pinned HTTP core is built for', () => {
    const abis = new Set(Object.keys(ADDON_SHA256).map((name) => /_(\d+)\.node$/.exec(name)?.[1]));
    expect([...abis]).to.have.members(Object.keys(NODE_ABIS));
  });

  it('are those that package.json declares, here and in a new project', () => {
    const majors = Object.values(NODE_ABIS).map((major) => `^${major}.${major === 20 ? 19 : 0}.0`);
    for (const folder of ['.', 'template/ts', 'template/js'])
      expect(manifestIn(folder).engines.node).to.equal(majors.join(' || '));
  });
});

const OLD_GLIBC = `process.report.getReport = () => ({ header: { glibcVersionRuntime: '2.36' } });`;
const NODE_26 = `Object.defineProperty(process, 'versions', {
  value: { ...process.versions, node: '26.10.0', modules: '147' },
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

describe('a platform that is not supported', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'multilane-platform-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  for (const [what, fact, says] of [
    ['Node.js 26', NODE_26, /^multilane: Node\.js 26\.10\.0 is not supported: .*\n$/],
    ['an old glibc', OLD_GLIBC, /^multilane: glibc 2\.36 is too old: .*\n$/],
  ] as const) {
    for (const args of [[PRIMARY], [CLI, 'new', 'shop'], [CLI, 'start']]) {
      it(`is refused with one line and exit code 78 by ${args.join(' ').replace(ROOT, '')}: ${what}`, () => {
        const { status, stdout, stderr } = runWhere(fact, args, folder);
        expect({ status, stdout }).to.deep.equal({ status: 78, stdout: '' });
        expect(stderr).to.match(says);
        expect(readdirSync(folder)).to.deep.equal([]);
      });
    }

    it(`is refused before anything is installed or built: ${what}`, () => {
      for (const file of ['scripts', 'package.json', 'package-lock.json']) {
        cpSync(join(ROOT, file), join(folder, file), { recursive: true });
      }
      const before = readdirSync(folder);
      const { status, stderr } = runWhere(fact, ['scripts/setup.mjs', '--tests'], folder);
      expect(status).to.equal(78);
      expect(stderr).to.match(says);
      expect(readdirSync(folder)).to.deep.equal(before);
    });

    it(`is refused by the install script of the package: ${what}`, () => {
      const [program, ...args] = manifestIn('.').scripts.preinstall!.split(' ');
      expect(program).to.equal('node');
      const { status, stderr } = runWhere(fact, args, ROOT);
      expect(status).to.equal(78);
      expect(stderr).to.match(says);
    });
  }
});
