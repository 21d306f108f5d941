import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { writeResults } from '#bench/report/result-folder.js';

describe('the results of a run', () => {
  let results: string;
  beforeEach(() => {
    results = mkdtempSync(join(tmpdir(), 'multilane-results-'));
  });
  afterEach(() => rmSync(results, { recursive: true }));

  it('are written into a folder of its own, named for its time, and the tables are printed', () => {
    let printed = '';
    const print = (text: string): void => {
      printed += text;
    };
    const charts = [{ name: 'json.svg', svg: '<svg/>' }];
    const run = {
      date: '2026-01-02T03:04:05.678Z',
      name: 'wrk',
      result: { format: 2 },
      tables: '# T\n',
      charts,
    };
    writeResults(run, { results, print });
    const folder = join(results, '2026-01-02T03-04-05Z-wrk');
    expect(readdirSync(results)).to.deep.equal(['2026-01-02T03-04-05Z-wrk']);
    expect(readdirSync(folder).toSorted()).to.deep.equal(['json.svg', 'result.json', 'tables.md']);
    expect(readFileSync(join(folder, 'result.json'), 'utf8')).to.equal('{\n  "format": 2\n}\n');
    expect(readFileSync(join(folder, 'tables.md'), 'utf8')).to.equal('# T\n');
    expect(readFileSync(join(folder, 'json.svg'), 'utf8')).to.equal('<svg/>');
    expect(printed).to.equal(`# T\n\nwritten: ${folder}\n`);
  });
});
