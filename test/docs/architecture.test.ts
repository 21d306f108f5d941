// What docs/architecture.md says about modules and files.
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect } from 'chai';
import { ARROWS } from '#test/architecture/modules.js';
import { sourcesBelow } from '#test/architecture/source.js';

const page = readFileSync('docs/architecture.md', 'utf8');

/** First cells of the rows of the table below this heading. */
function firstCells(heading: string): readonly string[] {
  const start = page.indexOf(`\n${heading}\n`);
  expect(start, heading).to.not.equal(-1);
  const end = page.indexOf('\n#', start + heading.length + 2);
  const rows = page
    .slice(start, end < 0 ? undefined : end)
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  return rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`([^`]+)`/g)].map(([, cell = '']) => cell));
}

describe('docs/architecture.md', () => {
  const modules = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());

  it('describes every module of src', () => {
    expect(firstCells('## Code map')).to.include.members(modules.map(({ name }) => name));
  });

  it('has the same table of imports as the test of the architecture', () => {
    const start = page.indexOf('### Which module may import which');
    const rows = page
      .slice(start, page.indexOf('\n###', start + 1))
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    const names = (cell = ''): readonly string[] =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name).toSorted();
    const onPage = rows.map((row) => {
      const [, module, values, types] = row.split('|');
      return [names(module)[0], names(values), names(types)];
    });
    const inTest = Object.entries(ARROWS).map(([module, { values, types = [] }]) => [
      module,
      values.toSorted(),
      types.toSorted(),
    ]);
    expect(onPage).to.have.deep.members(inTest);
  });

  it('gives a reason for every file name that two modules share', () => {
    const folders = new Map<string, Set<string>>();
    for (const { path } of sourcesBelow('src', 'workers')) {
      const name = basename(path);
      if (path.startsWith('src/services/') || path.startsWith('src/cli/commands/')) continue;
      folders.set(name, (folders.get(name) ?? new Set()).add(path));
    }
    const shared = [...folders].filter(([, paths]) => paths.size > 1);
    const unexplained = shared.filter(
      ([name]) => !firstCells('### File names that two modules share').includes(name),
    );
    expect(unexplained.map(([, paths]) => [...paths].join(' and '))).to.deep.equal([]);
  });
});
