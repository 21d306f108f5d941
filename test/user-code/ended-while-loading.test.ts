import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { inFolder } from '#test/config/loading.js';

const MODULE = new URL(import.meta.resolve('#src/user-code/module.js')).href;

describe('a process that ends while its configuration is loaded', () => {
  for (const [what, text, why] of [
    ['an await that never settles', 'await new Promise(() => {});', /never settles/],
    ['a call of process.exit', 'process.exit(0);', /process\.exit/],
    [
      'a later call of process.exit',
      'setImmediate(() => process.exit()); await new Promise(() => {});',
      /process\.exit/,
    ],
  ] as const) {
    it(`reports it in one line and exits with 78: ${what}`, () =>
      inFolder({ 'multilane.config.mjs': text }, async (cwd) => {
        const path = JSON.stringify(`${cwd}/multilane.config.mjs`);
        const load = `const { importConfigModule } = await import(${JSON.stringify(MODULE)}); await importConfigModule(${path});`;
        const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', load], {
          cwd,
          encoding: 'utf8',
        });
        const line = stderr.split('\n').filter((each) => each.startsWith('multilane: '));
        expect([status, line.length]).to.deep.equal([78, 1]);
        expect(line[0])
          .to.match(/^multilane: multilane\.config\.mjs(?::1:\d+)?: /)
          .and.match(why);
      }));
  }
});
