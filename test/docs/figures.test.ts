// Compares the figures of README.md and docs/performance.md with the tables of the runs that they are from.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { spread } from '#bench/statistics.js';

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

/** The ratios of some rows of a table to those of others, with the columns of some shapes. */
interface Range {
  /** Words of the page around two numbers, or one, which `#` stands for. */
  readonly words: string;
  readonly others: readonly string[];
  /** Shapes of requests with a Host field alone; then those with the fields of a browser. */
  readonly shapes: readonly (readonly string[])[];
  /** What the numbers of the page are rounded to. */
  readonly step: number;
  /** From a ratio to the number of the page. @default 1 */
  readonly unit?: number;
}

const OURS = ['multilane acceptor', 'multilane reuseport'];
const SMALL = ['plaintext', 'json', 'param', 'query'];
const RANGES: readonly Range[] = [
  {
    words: 'costs # to # percent of what it costs on Fastify or on Hono',
    ...{ others: ['Fastify', 'Hono on Node'], shapes: [SMALL, SMALL], step: 10, unit: 100 },
  },
  {
    words: 'on Hono, # to # percent of `node:http` alone',
    ...{ others: ['node:http'], shapes: [SMALL, SMALL], step: 10, unit: 100 },
  },
  {
    words: 'about # of Express',
    ...{ others: ['Express'], shapes: [SMALL, SMALL], step: 0.1 },
  },
  {
    words: 'With a body it costs # to # percent of Fastify and Hono',
    ...{ others: ['Fastify', 'Hono on Node'], shapes: [['echo'], ['echo']], step: 10, unit: 100 },
  },
  {
    words: 'Fastify and Hono, and # to # percent of `node:http` alone',
    ...{ others: ['node:http'], shapes: [['echo'], ['echo']], step: 10, unit: 100 },
  },
  {
    words: 'about # what they cost on Fastify and on `node:http` alone',
    ...{ others: ['Fastify', 'node:http'], shapes: [['sse'], []], step: 1 },
  },
  { words: '# times what they cost on Express', others: ['Express'], shapes: [['sse'], []], step: 0.1 },
  {
    words: 'within the process costs # to # times a function',
    ...{ others: ['raw uWebSockets.js'], shapes: [['call'], ['call']], step: 1 },
  },
  {
    words: 'call to another process # to # times** what raw',
    ...{ others: ['raw uWebSockets.js'], shapes: [['hop'], ['hop']], step: 0.1 },
  },
  {
    words: 'A small file costs # to # times one that raw sends',
    ...{ others: ['raw uWebSockets.js'], shapes: [['file'], ['file']], step: 1 },
  },
  {
    words: '(16 at once) cost # to # times those of raw',
    ...{ others: ['raw uWebSockets.js'], shapes: [['pipelined'], ['pipelined']], step: 0.5 },
  },
];

interface Result {
  readonly server: string;
  readonly shape: string;
  readonly fields: string;
  readonly cpuUs: { readonly median: number };
  readonly calmRounds: readonly number[];
  /** One for each round. */
  readonly samples: readonly { readonly cpuUs: number }[];
}

/** What is read of the `result.json` of a run. */
interface Run {
  readonly noise: number;
  readonly results: readonly Result[];
}

const NUMERALS: Readonly<Record<string, number>> = { 'a tenth': 0.1, twice: 2 };

/** @throws Error when the text does not have the words */
function numbersIn(text: string, words: string): readonly number[] {
  const pattern = words
    .split('#')
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('(a tenth|twice|[\\d.]+)');
  const found = new RegExp(pattern).exec(text.replaceAll(/\s+/g, ' '));
  if (found === null) throw new Error(`docs/performance.md does not say "${words}"`);
  return found.slice(1).map((number) => NUMERALS[number] ?? Number(number));
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
  const [run = '', hono = '', core = ''] = folders;
  const shown = tableBelow(page, 'proxy:\n');

  it('are on docs/performance.md as in the tables of the run', () => {
    const measured = ratiosOf(run, ['json', 'param', 'echo'], ['json', 'echo']);
    for (const [name, cells] of [...shown].slice(2))
      expect(cells.slice(0, 5), name).to.deep.equal(measured.get(name));
  });

  for (const { words, others, shapes, step, unit = 1 } of RANGES) {
    it(`are the ranges that docs/performance.md reads from them: ${words}`, () => {
      const table = ratiosOf(run, shapes[0]!, shapes[1]!);
      const ratios = others.flatMap((other) =>
        OURS.flatMap((name) =>
          table.get(name)!.map((ours, n) => (unit * Number(ours)) / Number(table.get(other)![n])),
        ),
      );
      const measured = [Math.min(...ratios), Math.max(...ratios)].map(
        (ratio) => Math.round(Math.round(ratio / step) * step * 10) / 10,
      );
      const numbers = numbersIn(page, words);
      expect([numbers.at(0), numbers.at(-1)]).to.deep.equal(measured);
    });
  }

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

  it('are the times of the core node, its ratios to node:http, and their noise', () => {
    const { noise, results } = JSON.parse(readFileSync(`${core}/result.json`, 'utf8')) as Run;
    const of = (server: string, shape: string, fields: string): Result =>
      results.find((one) => one.server === server && one.shape === shape && one.fields === fields)!;
    const NAMES: Readonly<Record<string, string>> = {
      '`node:http`': 'node:http',
      'core `node`': 'multilane, node core',
      Fastify: 'Fastify',
      'Fastify, mounted': 'multilane, Fastify mounted',
    };
    const columns = ['bare', 'browser'].flatMap((fields) =>
      ['plaintext', 'json', 'param', 'echo'].map((shape) => [shape, fields] as const),
    );
    const rows = tableBelow(page.replaceAll('\n  ', '\n'), `(\`${core}\`)`);
    for (const [name, server] of Object.entries(NAMES)) {
      const medians = columns.map((column) => of(server, ...column).cpuUs.median.toFixed(1));
      expect(rows.get(name), name).to.deep.equal(medians);
    }
    const ratio = (shape: string, fields: string): number => {
      const [ours, theirs] = ['multilane, node core', 'node:http'].map((name) => of(name, shape, fields));
      const ratios = ours!.calmRounds.map((n) => ours!.samples[n]!.cpuUs / theirs!.samples[n]!.cpuUs);
      return Math.round(spread(ratios).median * 100) / 100;
    };
    expect(numbersIn(page, 'it costs # times `node:http`, and # with the fields')).to.deep.equal([
      ratio('echo', 'bare'),
      ratio('echo', 'browser'),
    ]);
    expect(numbersIn(page, 'misses the first (# times)')).to.deep.equal([ratio('param', 'browser')]);
    expect(numbersIn(page, 'of up to # % is noise')).to.deep.equal([Math.round(noise * 1000) / 10]);
    const { calmRounds, samples } = results[0]!;
    expect(numbersIn(page, 'the # of # in which')).to.deep.equal([calmRounds.length, samples.length]);
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
