// The names of metrics in docs/metrics.md.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { MetricKind } from '#src/memory/metrics/recorder.js';
import { objectionTo } from '#src/telemetry/metric-names.js';

const page = readFileSync('docs/metrics.md', 'utf8');

describe('docs/metrics.md', () => {
  const rows = [...page.matchAll(/^\| (counter|gauge|histogram) `(\w+)` \| `(\w+)` \|$/gm)];

  it('suggests the same name as the error, for each refused one', () => {
    expect(rows.length).to.be.above(10);
    for (const [, kind, name, better] of rows) {
      expect(objectionTo(name!, kind as MetricKind), name).to.match(new RegExp(`; write ${better}$`));
    }
  });

  it('declares metrics whose names are accepted', () => {
    const declared = [...page.matchAll(/metrics\.(counter|gauge|histogram)\('(\w+)'/g)];
    expect(declared.length).to.be.above(3);
    for (const [, kind, name] of declared) {
      expect(objectionTo(name!, kind as MetricKind), name).to.equal(undefined);
    }
  });
});
