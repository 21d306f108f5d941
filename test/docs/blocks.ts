// The fenced blocks of the pages. A test that runs or checks one block gets it by `blockOf`; blocks.test.ts
// finds these calls, and so knows the blocks that no test has.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';

export interface Block {
  readonly page: string;
  /** The heading above it. */
  readonly title: string;
  /** The line of its fence, from 1. */
  readonly line: number;
  /** The word behind the fence, or an empty text. */
  readonly language: string;
  readonly text: string;
}

const names = (folder: string): readonly string[] => readdirSync(folder).toSorted();

/** All pages for users. */
export const PAGES: readonly string[] = [
  'README.md',
  ...names('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  ...names('examples')
    .filter((name) => existsSync(`examples/${name}/README.md`))
    .map((name) => `examples/${name}/README.md`),
];

const PART = /^ *```([\w-]*)\n([\s\S]*?)^ *```$|^#+ (.+)$/gm;

export function blocksIn(page: string): readonly Block[] {
  const content = readFileSync(page, 'utf8');
  const blocks: Block[] = [];
  let title = '';
  for (const { 1: language = '', 2: text, 3: heading, index } of content.matchAll(PART)) {
    if (text === undefined) title = heading!;
    else blocks.push({ page, title, line: content.slice(0, index).split('\n').length, language, text });
  }
  return blocks;
}

/**
 * The text of the only block of a page that begins so. Both arguments are literals, which blocks.test.ts
 * reads.
 */
export function blockOf(page: string, begins: string): string {
  const found = blocksIn(page).filter(({ text }) => text.startsWith(begins));
  expect(found, `blocks of ${page} that begin with: ${begins}`).to.have.length(1);
  return found[0]!.text;
}
