import { expect } from 'chai';
import { chart } from '#bench/report/chart.js';
import { charts } from '#bench/report/charts.js';
import { comparisonText } from '#bench/report/comparison-text.js';
import { FORMAT, parseReport, type Report } from '#bench/report/report.js';
import { markdown } from '#bench/report/tables.js';
import { saturationOf } from '#bench/saturation.js';
import { shapeNamed } from '#bench/shapes/shapes.js';
import { spread } from '#bench/statistics.js';
import { summarize } from '#bench/summarize.js';
import { MACHINE, measured, ROLES } from './kit.js';

const start = (server: string) => ({
  server,
  path: '/health',
  firstResponseMs: spread([100, 120]),
  coldMs: undefined,
  idlePssMiB: spread([50]),
  idleCpuShare: spread([0.01]),
});

const report: Report = {
  format: FORMAT,
  date: '2026-01-01T00:00:00.000Z',
  machine: MACHINE,
  command: 'npm run bench:full -- --rounds 3',
  options: {
    tool: 'wrk',
    toolVersion: '4.1.0',
    isFull: true,
    duration: 2,
    rounds: 3,
    workers: 2,
    connections: 64,
    starts: 5,
    idle: 1024,
    shapes: ['plaintext'],
    fields: ['bare'],
    servers: [],
  },
  servers: [
    { name: 'A', why: 'the baseline', versions: ['core 1.2.3', 'other 4'] },
    { name: 'B', why: 'a peer', versions: [] },
  ],
  roles: ROLES,
  noise: 0.02,
  results: summarize(
    { shape: shapeNamed('plaintext'), fields: 'bare' },
    [measured('A', 10, 10, 10), measured('A again', 10, 10, 10), measured('B', 15, 15, 15)],
    ROLES,
  ),
  starts: ['A', 'A again', 'B'].map(start),
  idle: [{ server: 'A', open: 1024, closed: 1, beforeMiB: 50, withMiB: 60 }],
  notMeasured: [{ server: 'Gin', reason: 'go not installed' }],
};

describe('the report of the bench', () => {
  const text = markdown(report);

  it('names the machine, the noise and every server that was not measured', () => {
    expect(text).to.include('a CPU, 2 cores');
    expect(text).to.include('a distance from 1 of up to 2.0 % is noise');
    expect(text).to.include('| Gin    | not measured: go not installed |');
  });

  it('names the command, every option in effect, the commit and the versions of the servers', () => {
    expect(text)
      .to.include('`npm run bench:full -- --rounds 3`')
      .and.include('commit abc; wrk 4.1.0, 3 rounds of 2 s');
    expect(text).to.include('5 starts, 1024 idle connections; shapes plaintext; fields bare; servers all.');
    expect(text).to.match(/\| A +\| core 1\.2\.3, other 4 \|\n\| B +\| - +\|/);
  });

  it('prints the table of the article without the double, and names its missing rows with the reason', () => {
    const section = text.slice(text.indexOf('## The table of the article'), text.indexOf('## Start'));
    expect(section).to.match(/\| B +\| +66667 \|/);
    expect(section).not.to.include('A again');
    expect(section).to.match(/- Spring Boot: not measured: /);
    expect(section).to.include('- Gin: not measured: go not installed');
  });

  it('shows what a connection takes', () => {
    expect(text).to.match(/\| A +\| 1024 \| +1 \| +50\.0 \| +60\.0 \| +10\.00 \|/);
  });

  it('marks requests/s that the load tool has limited', () => {
    expect(text).not.to.include('used its whole core');
    const results = report.results.map((row) => ({ ...row, generatorShare: spread([0.95]) }));
    expect(markdown({ ...report, results })).to.include('The load tool used its whole core');
  });

  it('marks ratios of servers whose requests failed', () => {
    expect(text).not.to.include('1.50!');
    const results = report.results.map((row) => ({ ...row, failedShare: 0.02 }));
    expect(markdown({ ...report, results }))
      .to.include('1.50!')
      .and.include('More than 1 % of the requests failed');
  });

  it('has charts for what was measured only', () => {
    expect(charts(report).map(({ name }) => name)).to.deep.equal([
      'plaintext.svg',
      'start.svg',
      'memory.svg',
      'idle-connections.svg',
    ]);
  });

  it('is read again from its file, but not from one of another form', () => {
    expect(parseReport(JSON.stringify(report), 'x.json').noise).to.equal(0.02);
    expect(() => parseReport('{"results":[]}', 'x.json')).to.throw('x.json is no result file of form 2');
  });
});

describe('a chart', () => {
  it('escapes names and draws nothing longer than the longest', () => {
    const bars = [{ label: 'a <b> & "c"', value: spread([0]), text: '0', colour: 'peer' } as const];
    const svg = chart('x < y', bars);
    expect(svg).to.include('a &lt;b&gt; &amp; &quot;c&quot;').and.include('x &lt; y').and.not.include('NaN');
  });
});

describe('the texts for a terminal', () => {
  it('say of a comparison whether B is worse', () => {
    const verdict = {
      what: 'json (bare)',
      ratio: 1.2,
      noise: 0.03,
      verdict: 'worse',
      hasNewFailures: false,
    } as const;
    const text = comparisonText({ verdicts: [verdict], missing: [], isWorse: true }, { a: 'x', b: 'y' });
    expect(text)
      .to.match(/\| json \(bare\) +\| worse +\| +1\.200 \| +3\.0 % \|/)
      .and.match(/B is worse\.$/);
  });

  it('say where a load tool saturates', () => {
    const step = (connections: number, perSecond: number, toolShare: number) => ({
      tool: 'autocannon',
      connections,
      perSecond,
      p50Ms: 1,
      toolShare,
      serverShare: 0.5,
    });
    expect(saturationOf([step(1, 900, 0.4), step(4, 4900, 0.96), step(16, 5000, 0.99)])).to.deep.equal([
      'autocannon saturates at 5000 requests/s, from 4 connections on: it uses 96 % of a core.',
    ]);
    expect(saturationOf([step(1, 900, 0.4)])[0]).to.match(/with 40 % of a core: the server or other/);
  });
});
