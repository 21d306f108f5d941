import { expect } from 'chai';
import { isIgnored } from '#src/cli/project-watch.js';

const runsTypeScript = 'typescript' in process.features && process.features.typescript !== false;

describe('the watch of `multilane dev`', () => {
  for (const [path, isFile, aside] of [
    ['', false, false],
    ['multilane.config.js', true, false],
    ['services/users/migrations/0002_x.sql', true, false],
    ['services/data/store.js', true, false],
    ['dist/service.js', true, false],
    ['node_modules', false, true],
    ['services/node_modules/x/index.js', true, true],
    ['.git', false, true],
    ['data', false, true],
    ['test/x.test.js', true, true],
    ['README.md', true, true],
    // Where Node.js does not run TypeScript, the compiled file is watched instead.
    ['src/service.ts', true, !runsTypeScript],
  ] as const) {
    it(`${aside ? 'ignores' : 'includes'} ${path || 'the project itself'}`, () => {
      expect(isIgnored(path, isFile)).to.equal(aside);
    });
  }
});
