// The commands of curl in the docs.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

const PAGES = [
  'README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** Braces and brackets outside of data, variables and comments: curl takes them for several URLs. */
function isGlob(line: string): boolean {
  const [command = ''] = line
    .replaceAll(/(?:-d|--data\S*|-H) (?:'[^']*'?|"[^"]*"?)/g, '')
    .replaceAll(/\$\{[^}]*\}/g, '')
    .split(/\s#\s?/);
  return /\{[^}]*\}|\[[^\]]*\]/.test(command);
}

describe('commands of curl in the docs', () => {
  const commands = PAGES.flatMap((page) =>
    readFileSync(page, 'utf8')
      .split('\n')
      .filter((line) => /^(?:curl|.*\| *curl) /.test(line))
      .map((line) => `${page}: ${line}`),
  );
  const globs = commands.filter(isGlob);

  it('switch off globbing (-g) where their URL has braces or brackets', () => {
    expect(globs.length).to.be.above(0);
    for (const command of globs) expect(command).to.match(/\bcurl (?:.* )?-[a-zA-Z]*g\b/);
  });
});
