import { expect } from 'chai';
import { parseCompareOptions, parseRunOptions } from '#bench/options.js';
import { cellsOf } from '#bench/session.js';

describe('the options of the bench', () => {
  it('measure four shapes by default, and all with --full', () => {
    expect(parseRunOptions([]).shapes.map(({ name }) => name)).to.deep.equal([
      'plaintext',
      'json',
      'param',
      'echo',
    ]);
    const full = parseRunOptions(['--full']);
    expect(full.shapes.length).to.be.above(10);
    expect(full).to.include({ isFull: true, starts: 5, idle: 10_000 });
    expect(parseRunOptions(['--full', '--shapes', 'json']).shapes).to.have.length(1);
  });

  for (const [argv, message] of [
    [['--rounds', '0'], '--rounds must be a whole number from 1 to 50, not "0"'],
    [['--rounds', '1.5'], 'not "1.5"'],
    [['--tool', 'ab'], '--tool must be wrk or autocannon, not "ab"'],
    [['--fields', 'all'], '--fields must be of bare, browser, not "all"'],
    [['--shapes', 'jason'], 'no shape "jason"'],
    [['--what'], '--what'],
  ] as const) {
    it(`refuse ${argv.join(' ')}`, () => {
      expect(() => parseRunOptions(argv)).to.throw(message);
    });
  }

  it('compare exactly two things', () => {
    expect(parseCompareOptions(['a', 'b'])).to.include({ a: 'a', b: 'b', rounds: 9, sharding: 'acceptor' });
    expect(() => parseCompareOptions(['a'])).to.throw('two things');
    expect(() => parseCompareOptions(['a', 'b', 'c'])).to.throw('two things');
    expect(() => parseCompareOptions(['a', 'b', '--sharding', 'x'])).to.throw('--sharding must be');
  });
});

describe('the cells of a run', () => {
  it('are every HTTP shape with every set of fields, and streams once', () => {
    const cells = cellsOf(parseRunOptions(['--shapes', 'json,sse', '--fields', 'browser,bare']));
    expect(cells.map(({ shape, fields }) => `${shape.name} ${fields}`)).to.deep.equal([
      'json browser',
      'json bare',
      'sse bare',
    ]);
  });
});
