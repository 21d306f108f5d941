// The parts of the dashboard that need no browser: the reader of the event stream, texts, and the layouts of
// flame graphs, graphs of calls and waterfalls.
import { join } from 'node:path';
import { expect } from 'chai';
import { build } from 'esbuild';
import fc from 'fast-check';
import { ROOT } from '#test/support/cluster.js';
import { shop } from './plane-data.js';
import { profile, span } from './plane-rows.js';

interface Frame {
  readonly name: string;
  readonly totalUs: number;
  readonly children: readonly Frame[];
}

interface Box {
  readonly frame: Frame;
  readonly depth: number;
  readonly left: number;
  readonly width: number;
}

interface Placed {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly height: number;
}

/** What is tested, as dashboard/ exports it. */
interface Drawing {
  readonly EventReader: new () => { push(piece: string): readonly { event: string; data: string }[] };
  readonly Points: new (
    values: number,
  ) => {
    push(at: number, ...values: readonly (number | null)[]): void;
    readonly columns: readonly (readonly (number | null)[])[];
  };
  plain(text: unknown): string;
  ms(value: number | null): string;
  boundsOf(limits: object): readonly { readonly name: string; readonly isHarmless?: boolean }[];
  treeOf(profile: unknown): { readonly root: Frame; readonly idleUs: number };
  boxesOf(root: Frame): readonly Box[];
  hottest(root: Frame, most: number): readonly { readonly name: string; readonly selfUs: number }[];
  layoutOf(
    nodes: readonly object[],
    edges: readonly object[],
  ): { readonly nodes: readonly Placed[]; readonly lines: readonly { readonly path: string }[] };
  fallsOf(spans: readonly object[]): readonly {
    readonly span: { spanId: string };
    readonly depth: number;
    readonly lacksParent: boolean;
  }[];
}

async function drawing(): Promise<Drawing> {
  const files = [
    'core/sse',
    'core/bounds',
    'core/format',
    'core/points',
    'draw/profile',
    'draw/layers',
    'draw/waterfall',
  ];
  const { outputFiles } = await build({
    stdin: {
      contents: files.map((file) => `export * from './${file}.ts';`).join('\n'),
      resolveDir: join(ROOT, 'dashboard'),
    },
    bundle: true,
    format: 'esm',
    write: false,
  });
  const code = Buffer.from(outputFiles[0]!.contents).toString('base64');
  return (await import(`data:text/javascript;base64,${code}`)) as Drawing;
}

describe('the drawing of the dashboard', () => {
  let is: Drawing;
  before(async () => {
    is = await drawing();
  });

  it('keeps the points of the last five minutes, however their times are spaced', () => {
    const SPAN_S = 300;
    const steps = fc.oneof(
      fc.constant(1),
      fc.double({ min: 0, max: 3, noNaN: true }),
      fc.constantFrom(5, 5.5, 60, 299, 300, 301, 7_200, -3_600, -1),
    );
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 800, size: 'max' }), (list) => {
        const points = new is.Points(1);
        let at = 1e9;
        for (const [n, step] of list.entries()) {
          at += step;
          points.push(at, n);
        }
        const [times, values] = points.columns as readonly [number[], (number | null)[]];
        expect(values).to.have.length(times.length);
        expect(times.length).to.be.at.most(SPAN_S);
        if (list.length > 0) expect([times.at(-1), values.at(-1)]).to.deep.equal([at, list.length - 1]);
        for (const [n, time] of times.entries()) {
          expect(time).to.be.within(at - SPAN_S, at);
          if (n === 0) continue;
          expect(time, 'ascending').to.be.above(times[n - 1]!);
          const isGap = time - times[n - 1]! > 5;
          expect(isGap && values[n - 1] !== null, 'a line across a gap').to.equal(false);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('takes held database connections for a fault only while pools wait for one', () => {
    const limits = shop().limits;
    for (let most = 1; most <= 20; most++) {
      for (const waiting of [0, 1, 2]) {
        for (let held = 0; held <= most; held++) {
          const bounds = is.boundsOf({ ...limits, databaseConnections: { held, most, waiting } });
          const { isHarmless } = bounds.find(({ name }) => name === 'Database connections')!;
          expect(isHarmless, `${held} of ${most}, ${waiting} wait`).to.equal(waiting === 0);
          expect(bounds.filter((one) => one.isHarmless).length).to.be.at.most(1);
        }
      }
    }
  });

  it('reads events wherever the stream is cut', () => {
    const stream = ': hello\n\nevent: overview\ndata: {"a":"ä"}\n\nevent: cpu\ndata: 1\ndata: 2\n\n';
    const expected = [
      { event: 'overview', data: '{"a":"ä"}' },
      { event: 'cpu', data: '1\n2' },
    ];
    for (let cut = 0; cut <= stream.length; cut++) {
      const reader = new is.EventReader();
      const events = [...reader.push(stream.slice(0, cut)), ...reader.push(stream.slice(cut))];
      expect(events, `cut at ${cut}`).to.deep.equal(expected);
    }
  });

  it('refuses an event that does not end', () => {
    const reader = new is.EventReader();
    expect(() => reader.push(`data: ${'x'.repeat(17 * 1024 * 1024)}`)).to.throw(RangeError);
  });

  it('writes characters that are not seen as escapes, and cuts long texts', () => {
    expect(is.plain('a\u202eb\u0000\n\tc')).to.equal('a\\u202eb\\u0000\n\tc');
    expect(is.plain('a\ufe0f\u3164\u115f\u034f\u180b\u2800\u{e0100}b')).to.equal(
      'a\\ufe0f\\u3164\\u115f\\u034f\\u180b\\u2800\\u{e0100}b',
    );
    expect(is.plain('x'.repeat(10_000))).to.have.lengthOf(4_000 + ' … (10,000 characters)'.length);
    expect(is.plain({ a: 1 })).to.equal('{"a":1}');
  });

  it('writes durations in the unit that fits', () => {
    const texts = [null, Number.NaN, 0, 0.42, 9.96, 12.4, 999, 1_240, 61_000, 7_380_000].map((one) =>
      is.ms(one),
    );
    expect(texts).to.deep.equal([
      '–',
      '–',
      '0 ms',
      '0.42 ms',
      '10 ms',
      '12 ms',
      '999 ms',
      '1.2 s',
      '1 min 1 s',
      '2 h 3 min',
    ]);
  });

  it('gives each function of a profile its time, and idle time to none', () => {
    const { root, idleUs } = is.treeOf(profile());
    expect([root.totalUs, idleUs]).to.deep.equal([70_000, 30_000]);
    expect(is.hottest(root, 1)).to.deep.equal([
      { name: 'renderReport', place: '/srv/shop/renderReport.js:12', selfUs: 50_000 },
    ]);
    const boxes = is.boxesOf(root);
    expect(boxes.map(({ frame, depth }) => [frame.name, depth])).to.deep.equal([
      ['(root)', 0],
      ['handler', 1],
      ['renderReport', 2],
      ['queryOrders', 2],
    ]);
    expect(boxes[3]!.left).to.be.closeTo(5 / 7, 1e-9);
  });

  it('draws a profile without samples as nothing', () => {
    expect(is.boxesOf(is.treeOf({ nodes: [] }).root)).to.deep.equal([]);
  });

  it('places callers to the left of what they call, also when calls form a circle', () => {
    const nodes = ['clients', 'a', 'b', 'c'].map((name) => ({ name, kind: 'service' }));
    const edges = [
      ['clients', 'a'],
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
      ['clients', 'c'],
      ['b', 'b'],
    ].map(([from, to]) => ({ from, to }));
    const layout = is.layoutOf(nodes, edges);
    const x = Object.fromEntries(layout.nodes.map((node) => [node.name, node.x]));
    expect(x.clients! < x.a! && x.a! < x.b! && x.b! < x.c!).to.equal(true);
    expect(layout.lines).to.have.lengthOf(edges.length);
    expect(layout.lines.filter(({ path }) => path.includes('NaN'))).to.deep.equal([]);
  });

  it('places no two nodes upon each other', () => {
    const nodes = Array.from({ length: 40 }, (_, index) => ({ name: `s${index}`, kind: 'service' }));
    const edges = nodes.flatMap((_, index) =>
      [2 * index + 1, 2 * index + 2, 3 * index + 5]
        .filter((to) => to < nodes.length)
        .map((to) => ({ from: `s${index}`, to: `s${to}` })),
    );
    const { nodes: placed } = is.layoutOf(nodes, edges);
    const overlaps = placed.filter((a) =>
      placed.some((b) => a !== b && a.x === b.x && a.y < b.y + b.height && b.y < a.y + a.height),
    );
    expect(placed).to.have.lengthOf(40);
    expect(overlaps).to.deep.equal([]);
  });

  it('shows spans below their parents, those without a recorded parent at the top, and none twice', () => {
    const spans = [
      span('3', { parentSpanId: '1', startedAt: '2026-01-01T00:00:00.020Z' }),
      span('2', { parentSpanId: '1', startedAt: '2026-01-01T00:00:00.010Z' }),
      span('1', { startedAt: '2026-01-01T00:00:00.000Z' }),
      span('4', { parentSpanId: '2', startedAt: '2026-01-01T00:00:00.012Z' }),
      span('5', { parentSpanId: 'elsewhere', startedAt: '2026-01-01T00:00:00.030Z' }),
      span('4', { parentSpanId: '2', startedAt: '2026-01-01T00:00:00.013Z' }),
    ];
    const falls = is.fallsOf(spans);
    const shown = falls.map(({ span: { spanId }, depth }) => `${spanId}:${depth}`);
    expect(shown).to.deep.equal(['1:0', '2:1', '4:2', '4:2', '3:1', '5:0']);
    const marked = falls.filter(({ lacksParent }) => lacksParent).map(({ span: { spanId } }) => spanId);
    expect(marked, 'of which the parent is not here').to.deep.equal(['5']);
    const circle = [span('1', { parentSpanId: '2' }), span('2', { parentSpanId: '1' })];
    expect(is.fallsOf(circle)).to.deep.equal([]);
  });
});
