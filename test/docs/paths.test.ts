// Files of the repository that pages name must exist, also after they were moved.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { anchorsOf } from './anchors.js';

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync('docs').map((name) => `docs/${name}`),
].filter((name) => name.endsWith('.md'));
const PATH = /(?<![\w./-])(?:src|test|workers|scripts|bench|template|examples)\/[\w./-]*\w/g;
const LINK = /\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]+)?\)/g;

/** Outputs of the build. */
const BUILT = new Set(['test/db/pool.test.js']);
/** Tests of a user's project. Those of the repository are TypeScript, in folders. */
const OF_A_PROJECT = /^test\/[\w-]+\.test\.js$|^test\/books\.test\.ts$/;

describe('paths in the docs', () => {
  for (const page of PAGES) {
    const text = readFileSync(page, 'utf8');

    it(`of ${page} exist`, () => {
      const named = [...text.matchAll(PATH)].map(([path]) => path);
      const isExpected = (path: string): boolean => !BUILT.has(path) && !OF_A_PROJECT.test(path);
      expect(named.filter((path) => isExpected(path) && !existsSync(path))).to.deep.equal([]);
    });

    it(`that ${page} links to exist, and their headings`, () => {
      const broken = [...text.matchAll(LINK)].filter(([, path = '', anchor]) => {
        const target = path === '' ? page : join(dirname(page), path);
        if (!existsSync(target)) return true;
        return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).includes(anchor);
      });
      expect(broken.map(([link]) => link)).to.deep.equal([]);
    });
  }
});
