import { expect } from 'chai';
import {
  parseCompareOptions,
  parseGrowthOptions,
  parseObserveOptions,
  parseRunOptions,
} from '#bench/options.js';
import { commandLine } from '#bench/report/command-line.js';
import { cellsOf } from '#bench/session.js';

describe('the options of the bench', () => {
  it('measure five shapes by default, and all with --full', () => {
    expect(parseRunOptions([]).shapes.map(({ name }) => name)).to.deep.equal([
      'plaintext',
      'json',
      'param',
      'echo',
      'gateway',
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

describe('the options that compare A with B, and what is observed with what is not', () => {
  it('have the same flags and defaults for the load', () => {
    for (const argv of [
      [],
      ['--sharding', 'reuseport', '--rounds', '3', '--shapes', 'json', '--workers', '4'],
    ]) {
      const {
        a: _a,
        b: _b,
        server: _server,
        starts: _starts,
        ...load
      } = parseCompareOptions([...argv, 'a', 'b']);
      expect(parseObserveOptions(argv)).to.deep.equal(load);
    }
    for (const argv of [['--sharding', 'x'], ['--rounds', '0'], ['--starts', '3'], ['a']])
      expect(() => parseObserveOptions(argv)).to.throw();
  });
});

describe('the options of the series', () => {
  it('measure all series by default, with two workers and 64 connections where these do not grow', () => {
    expect(parseGrowthOptions([])).to.deep.equal({
      duration: 2,
      rounds: 5,
      workers: 2,
      connections: 64,
      sharding: 'reuseport',
      series: ['routes', 'static-routes', 'workers', 'connections', 'instances'],
    });
  });

  it('choose some of the series', () => {
    const argv = ['--series', 'routes,workers', '--connections', '8', '--sharding', 'acceptor'];
    expect(parseGrowthOptions(argv)).to.deep.include({
      connections: 8,
      sharding: 'acceptor',
      series: ['routes', 'workers'],
    });
  });

  for (const [argv, message] of [
    [
      ['--series', 'foo'],
      '--series must be of routes, static-routes, workers, connections, instances, not "foo"',
    ],
    [['--series', 'routes,foo'], 'not "foo"'],
    [['--series', ','], '--series names no series'],
    [['--workers', '4'], '--workers contradicts the series workers (2, 4, 8): choose others by --series'],
    [['--connections', '4', '--series', 'connections'], '--connections contradicts the series connections'],
    [['--workers', '0', '--series', 'routes'], '--workers must be a whole number from 1 to 256, not "0"'],
    [['--tool', 'wrk'], '--tool'],
  ] as const) {
    it(`refuse ${argv.join(' ')}`, () => {
      expect(() => parseGrowthOptions(argv)).to.throw(message);
    });
  }
});

describe('the command that repeats a run', () => {
  for (const [argv, line] of [
    [[], 'npm run bench'],
    [['--rounds', '3'], 'npm run bench -- --rounds 3'],
    [['--full'], 'npm run bench:full'],
    [['--full', '--starts', '3'], 'npm run bench:full -- --starts 3'],
    [['--tool', 'autocannon', '--rounds', '1'], 'npm run bench:autocannon -- --rounds 1'],
    [['--servers', "Hono on,it's"], "npm run bench -- --servers 'Hono on,it'\\''s'"],
  ] as const) {
    it(`is ${line}`, () => {
      expect(commandLine('bench', argv)).to.equal(line);
    });
  }
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
