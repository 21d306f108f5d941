// `multilane new`, in process: where the project is written, and which package it depends on.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';
import { type PackageOrigin, packageOrigin } from '#src/cli/own-package.js';
import { type Language, writeProject } from '#src/cli/project-template.js';
import { ROOT } from '#test/support/cluster.js';

const LANGUAGES: readonly Language[] = ['ts', 'js'];
const REGISTRY: PackageOrigin = { kind: 'registry' };

describe('multilane new', () => {
  let parent: string;
  beforeEach(() => {
    parent = realpathSync(mkdtempSync(join(tmpdir(), 'multilane-new-')));
  });
  afterEach(() => rmSync(parent, { recursive: true }));
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(parent, name)), { recursive: true });
    writeFileSync(join(parent, name), text);
  };
  const made = async (language: Language, origin: PackageOrigin, folder = 'deep/shop'): Promise<string> => {
    await writeProject({ folder: join(parent, folder), name: 'shop', language, origin });
    return join(parent, folder);
  };
  const dependency = (folder: string): string =>
    (
      JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        dependencies: { multilane: string };
      }
    ).dependencies.multilane;

  for (const language of LANGUAGES) {
    it(`writes a project that installs the file from which the command was installed: ${language}`, async () => {
      const file = join(parent, 'multilane-0.1.0.tgz');
      const folder = await made(language, { kind: 'file', file });
      const written = dependency(folder);
      expect(written).to.match(/^file:/);
      expect(resolve(folder, written.slice('file:'.length))).to.equal(file);
      const readme = readFileSync(join(folder, 'README.md'), 'utf8');
      expect(readme)
        .to.include('`../../multilane-0.1.0.tgz`')
        .and.include('npm install ./multilane-0.1.0.tgz');
    });

    it(`writes a README that names the command for another service, and tests that fail once: ${language}`, async () => {
      const folder = await made(language, REGISTRY);
      const textOf = (name: string): string => readFileSync(join(folder, name), 'utf8');
      expect(textOf('README.md')).to.include('npx multilane generate service NAME');
      // An application that `before` has not made is not closed: that would be a second, misleading error.
      for (const name of readdirSync(join(folder, 'test')))
        expect(textOf(join('test', name)), name).not.to.match(
          /\bafter\((?:async )?\(\) =>.*\w\.(?:close|stop)\(/,
        );
    });

    it(`writes one that names the version otherwise, and no file: ${language}`, async () => {
      const folder = await made(language, REGISTRY);
      expect(dependency(folder)).to.match(/^\^\d+\.\d+\.\d+$/);
      for (const { name, parentPath } of readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
        (entry) => entry.isFile(),
      ))
        expect(readFileSync(join(parentPath, name), 'utf8'), name).to.not.match(/\{\{\w+\}\}|tgz/);
    });

    it(`writes into a link to an empty folder: ${language}`, async () => {
      mkdirSync(join(parent, 'real/below'), { recursive: true });
      symlinkSync('real/below', join(parent, 'link'));
      const file = join(parent, 'multilane-0.1.0.tgz');
      await made(language, { kind: 'file', file }, 'link');
      expect(dependency(join(parent, 'real/below'))).to.equal('file:../../multilane-0.1.0.tgz');
    });
  }

  it('refuses a folder with files and a path that is a file, and says what to do', async () => {
    const refusal = async (folder: string): Promise<string> => made('js', REGISTRY, folder).catch(String);
    write('full/a', '');
    expect(await refusal('full')).to.match(/full is not empty: name a folder that is, or a new one$/);
    expect(await refusal('full/a')).to.match(/full\/a is a file or lies below one: name another folder$/);
    expect(await refusal('full/a/b')).to.match(
      /full\/a\/b is a file or lies below one: name another folder$/,
    );
    expect(readdirSync(join(parent, 'full'))).to.deep.equal(['a']);
  });

  it('refuses a folder that the system refuses, instead of trying for ever', async function () {
    if (process.platform !== 'linux') this.skip();
    const refusal = await writeProject({
      ...{ folder: '/proc/multilane-new/shop', name: 'shop', language: 'js', origin: REGISTRY },
    }).catch(String);
    expect(refusal).to.match(/cannot write the project: ENOENT: .*mkdir '\/proc\/multilane-new'$/);
  });

  it('finds the file from which npm has installed the package', () => {
    const folder = join(parent, 'node_modules/multilane');
    const installed = (resolved: string): PackageOrigin => {
      const packages = { 'node_modules/multilane': { resolved } };
      write('node_modules/.package-lock.json', JSON.stringify({ packages }));
      return packageOrigin(folder);
    };
    expect(packageOrigin(folder), 'by another package manager').to.deep.equal(REGISTRY);
    expect(installed('https://registry.example/multilane-0.1.0.tgz')).to.deep.equal(REGISTRY);
    expect(installed('file:gone.tgz')).to.deep.equal(REGISTRY);
    write('there.tgz', '');
    expect(installed('file:there.tgz')).to.deep.equal({ kind: 'file', file: join(parent, 'there.tgz') });
    write('node_modules/.package-lock.json', '{');
    expect(packageOrigin(folder)).to.deep.equal(REGISTRY);
    expect(packageOrigin()).to.deep.equal({ kind: 'clone', folder: ROOT.replace(/\/$/, '') });
  });
});
