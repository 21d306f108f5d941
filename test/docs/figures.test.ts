// Compares the figures of README.md and docs/performance.md with the tables of the runs that they are from.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';

type Table = ReadonlyMap<string, readonly string[]>;

/** The rows of the first table below a text, by their first cell. */
function tableBelow(text: string, above: string): Table {
  const [, below] = text.split(above);
  const rows = below!.slice(below!.indexOf('\n|')).trimStart().split('\n\n')[0]!.split('\n');
  return new Map(
    rows.map((row) => {
      const [name = '', ...cells] = row
        .replaceAll('*', '')
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim());
      return [name, cells];
    }),
  );
}

/** Both tables of ratios of a run, with the columns of these shapes. */
const ratiosOf = (folder: string, bare: readonly string[], browser: readonly string[]): Table => {
  const text = readFileSync(`${folder}/tables.md`, 'utf8');
  const [first, second] = [': Host field alone', ': the fields of a browser'].map((title) =>
    tableBelow(text, title),
  );
  const cells = (table: Table, name: string, shapes: readonly string[]): string[] =>
    shapes.map((shape) => table.get(name)![table.get('server')!.indexOf(shape)]!);
  return new Map(
    [...first!.keys()].map((name) => [
      name,
      [...cells(first!, name, bare), ...cells(second!, name, browser)],
    ]),
  );
};

const page = readFileSync('docs/performance.md', 'utf8');
const folders = [...page.matchAll(/`(bench\/results\/[^`]+)`/g)].map(([, folder]) => folder!);

describe('the figures of a run', () => {
  const [run = '', hono = ''] = folders;
  const shown = tableBelow(page, 'proxy:\n');

  it('are on docs/performance.md as in the tables of the run', () => {
    const measured = ratiosOf(run, ['json', 'param', 'echo'], ['json', 'echo']);
    for (const [name, cells] of [...shown].slice(2))
      expect(cells.slice(0, 5), name).to.deep.equal(measured.get(name));
  });

  it('are in the README as on docs/performance.md, in order', () => {
    const names: Readonly<Record<string, string>> = {
      Multilane: 'multilane acceptor',
      'Multilane, reuseport': 'multilane reuseport',
      'node:http, cluster': 'node:http',
      'Hono on Node.js': 'Hono on Node',
    };
    const rows = [...tableBelow(readFileSync('README.md', 'utf8'), '## Speed')].slice(2);
    for (const [name, cells] of rows)
      expect(cells, name).to.deep.equal(shown.get(names[name] ?? name)!.slice(0, 3));
  });

  it('are the ratios of a mounted Hono application', () => {
    const [, text = ''] = page.split('- **A mounted Hono application costs ');
    const ranges = [...text.matchAll(/(\d\.\d) to (\d\.\d) times/g)]
      .slice(0, 4)
      .map(([, low, high]) => [Number(low), Number(high)]);
    const small = ratiosOf(hono, ['plaintext', 'param'], ['plaintext', 'param']);
    const large = ratiosOf(hono, ['echo'], ['echo']);
    const range = (table: Table, other: string): number[] => {
      const ratios = table
        .get('multilane, Hono mounted')!
        .map((ours, n) => Number(ours) / Number(table.get(other)![n]));
      return [Math.min(...ratios), Math.max(...ratios)].map((ratio) => Math.round(ratio * 10) / 10);
    };
    const [node, bun] = ['Hono on Node', 'Hono on Bun'] as const;
    expect(ranges).to.deep.equal([
      range(small, node),
      range(small, bun),
      range(large, node),
      range(large, bun),
    ]);
  });
});
