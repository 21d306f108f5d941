// What stops a release, and what `.github` asks of those who report a fault.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { obstacles } from '#scripts/release.mjs';

const READY = {
  version: '1.2.3',
  changes: '',
  changelog: '# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-12-01\n\n- All.\n',
  tags: ['v1.2.2'],
};

describe('a release', () => {
  it('is stopped by nothing when the tree is clean, the version is new and has its section', () => {
    expect(obstacles(READY)).to.deep.equal([]);
  });

  for (const [what, change, message] of [
    ['changes that are not committed', { changes: ' M src/index.ts' }, /not committed:\n M src\/index\.ts/],
    ['a version that has a tag', { tags: ['v1.2.2', 'v1.2.3'] }, /tag v1\.2\.3 exists/],
    ['a version without a section', { version: '1.2.4' }, /no section "## \[1\.2\.4\] - YYYY-MM-DD"/],
    ['a section without a date', { changelog: '## [1.2.3]\n' }, /no section/],
  ] as const) {
    it(`is stopped by ${what}`, () => {
      const found = obstacles({ ...READY, ...change });
      expect(found).to.have.length(1);
      expect(found[0]).to.match(message);
    });
  }

  it('refuses an option that it does not know, before it does anything', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/release.mjs', '--pubilsh'], {
      encoding: 'utf8',
    });
    expect(status).to.equal(1);
    expect(stderr).to.contain('unknown option --pubilsh');
  });
});

describe('the forms of the repository', () => {
  it('ask for the output of `multilane info` where a fault is reported', () => {
    expect(readFileSync('.github/ISSUE_TEMPLATE/bug.yml', 'utf8')).to.include('multilane info');
  });

  it('are there for faults, wishes, questions and changes', () => {
    const forms = ['bug.yml', 'feature.yml', 'question.yml', 'config.yml'].map(
      (name) => `.github/ISSUE_TEMPLATE/${name}`,
    );
    const missing = [...forms, '.github/PULL_REQUEST_TEMPLATE.md', 'CODE_OF_CONDUCT.md'].filter(
      (path) => !existsSync(path),
    );
    expect(missing).to.deep.equal([]);
  });
});
