// Looks for the commands that pages, examples and the template tell their readers to run: each one exists,
// and one with subcommands is followed by one of them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Command } from 'commander';
import { createProgram } from '#src/cli/program.js';
import { blocksOf } from './steps.js';

const pages = ['README.md', 'CHANGELOG.md', ...['docs', 'examples', 'template'].flatMap(markdownIn)];

function markdownIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
    .map((name) => join(folder, name));
}

/** What is wrong with the words behind `npx multilane`. */
function faultOf(words: readonly string[], command: Command = createProgram()): string | undefined {
  const [word = '', ...others] = words;
  if (command.commands.length === 0 || /^(-|[A-Z…])/.test(word)) return undefined;
  const found = command.commands.find((sub) => sub.name() === word || sub.aliases().includes(word));
  if (found === undefined && word === 'help') return undefined;
  return found === undefined ? `${command.name()} has no command "${word}"` : faultOf(others, found);
}

/** Whether a page tells its readers to install the package from the registry of npm. */
const installs = (text: string): boolean =>
  blocksOf(text, 'sh').some((block) => /^(npm install( multilane)?|npx multilane new .*)$/m.test(block));

describe('the commands of the pages', () => {
  it('are followed by what to do while the package is not in the registry', () => {
    const installing = pages.filter(
      (page) => !page.startsWith('template') && installs(readFileSync(page, 'utf8')),
    );
    expect(installing).to.include.members(['README.md', 'docs/tutorial.md', 'examples/hello/README.md']);
    for (const page of installing)
      expect(readFileSync(page, 'utf8'), page).to.match(
        /\(.*#before-it-is-published\)|^## Before it is published$/m,
      );
  });

  for (const page of pages)
    it(`exist: ${page}`, () => {
      const typed = [...readFileSync(page, 'utf8').matchAll(/npx multilane((?: [\w…-]+)*)/g)];
      for (const [line, words = ''] of typed)
        expect(faultOf(words.trim().split(' ')), line).to.equal(undefined);
    });

  it('are all in the list of the changelog', () => {
    const [, list = ''] = /^- The command `multilane`: ([\s\S]*?) \(\[/m.exec(
      readFileSync('CHANGELOG.md', 'utf8'),
    )!;
    const listed = [...list.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    const known = createProgram().commands.map((command) => command.name());
    expect(listed).to.have.members(known.filter((name) => name !== 'help'));
  });
});
