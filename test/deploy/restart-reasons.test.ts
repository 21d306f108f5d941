// The reasons for which workers are replaced, as the code has them: docs/operations.md explains each to
// operators.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { END_REASONS } from '#src/cluster/thread-options.js';
import { ROOT } from '../support/cluster.js';

describe('the reasons of multilane_worker_restarts_total', () => {
  it('are explained in docs/operations.md, each once, and no others', () => {
    const page = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
    const section = page.split('\n### MultilaneWorkerRestarts\n')[1]!.split('\n### ')[0]!;
    const explained = [...section.matchAll(/^\| `([a-z-]+)` \| .+ \| .+ \|$/gm)].map(([, reason]) => reason!);
    expect(explained.sort()).to.deep.equal([...END_REASONS].sort());
  });
});
