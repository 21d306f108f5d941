import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import { cleanEnvironment, ROOT } from '#test/support/cluster.js';

/** An orderly stop of PostgreSQL, behind the drain. */
const POSTGRES_MS = 15_000;

describe('the configuration for pm2', () => {
  for (const [env, longestMs] of [
    [{}, 10_000],
    [{ DRAIN_MS: '30000' }, 30_000],
    [{ DRAIN_MS: '1', MULTILANE_DRAIN_MS: '20000', DRAIN_NOTICE_MS: '5000' }, 25_000],
  ] as const) {
    it(`waits longer than a stop takes before it kills: ${JSON.stringify(env)}`, () => {
      const print = `console.log(require(${JSON.stringify(join(ROOT, 'ecosystem.config.cjs'))}).apps[0].kill_timeout)`;
      const text = execFileSync(process.execPath, ['-e', print], {
        env: cleanEnvironment(env),
        encoding: 'utf8',
      });
      expect(Number(text)).to.be.greaterThan(longestMs + POSTGRES_MS);
    });
  }
});
