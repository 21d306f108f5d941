// Pages name files of the repository, which move.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync('docs').map((name) => `docs/${name}`),
].filter((name) => name.endsWith('.md'));
const PATH = /(?<![\w./-])(?:src|test|workers|scripts|bench|template|examples)\/[\w./-]*\w/g;
const LINK = /\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g;

/** Outputs of the build. */
const BUILT = new Set(['test/db/pool.test.js']);
/** The files that this page names are those of a user's project. */
const OF_A_PROJECT = 'docs/testing.md';

describe('paths in the docs', () => {
  for (const page of PAGES) {
    const text = readFileSync(page, 'utf8');

    if (page !== OF_A_PROJECT)
      it(`of ${page} exist`, () => {
        const named = [...text.matchAll(PATH)].map(([path]) => path);
        expect(named.filter((path) => !BUILT.has(path) && !existsSync(path))).to.deep.equal([]);
      });

    it(`that ${page} links to exist`, () => {
      const linked = [...text.matchAll(LINK)].map(([, path = '']) => join(dirname(page), path));
      expect(linked.filter((path) => !existsSync(path))).to.deep.equal([]);
    });
  }
});
