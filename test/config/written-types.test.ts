import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ProjectConfig } from '#src/api/define-config.js';
import type { SettingKind } from '#src/config/setting-kinds.js';
import { keyOf } from '#src/config/setting-names.js';
import { PROCESS_SETTINGS } from '#src/config/table.js';
import { ROOT } from '#test/support/cluster.js';

type Written = { readonly [K in keyof ProjectConfig]?: readonly ProjectConfig[K][] };

const SWITCH = ['on', 'off', true, false] as const;

/** What a configuration file may write: the compiler refuses a value that `defineConfig` does not take. */
const WRITTEN = {
  healthPath: ['off', '/alive', false],
  readyPath: ['off', '/-/ready', false],
  httpCore: ['auto', 'uws', 'node'],
  sharding: ['acceptor', 'reuseport'],
  databasePrepare: SWITCH,
  gateway: ['off', false],
  grpcReflection: ['off', 'on'],
  adaptiveLimit: SWITCH,
  rateLimit: ['off', '100/second', '100/minute;burst=5', false],
  rateLimitScope: ['process', 'cluster'],
  chunkedBodies: ['accept', 'reject'],
  trustedProxyField: ['x-forwarded-for', 'forwarded'],
  unhandledRejection: ['log', 'replace', 'exit'],
  logLevel: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
  logFormat: ['json', 'pretty'],
  requestLog: [...SWITCH, 0, 0.25, 1, '0.25'],
  receiveTraceFlags: ['trusted', 'all', 'none'],
} satisfies Written;

/** The words that the type of a setting in docs/settings.md lists. */
function wordsOf(type: string): readonly string[] {
  const [, choices] = /^one of (.*)$/.exec(type) ?? [];
  if (choices !== undefined) return choices.split(', ');
  return ['on', 'off'].filter((word) => new RegExp(`\\b${word}\\b`).test(type));
}

const ROWS = readFileSync(join(ROOT, 'docs/settings.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| `[A-Z_]+` \| `\w+` \|/.test(line))
  .map((line) => line.split(' | ').map((cell) => cell.replaceAll(/^\| |`/g, '')));

describe('a configuration file in TypeScript', () => {
  it('may write each word that docs/settings.md lists for a setting', () => {
    const settings = new Map(Object.keys(PROCESS_SETTINGS).map((name) => [keyOf(name), name]));
    const listed = ROWS.filter(([, key]) => settings.has(key!))
      .map(([, key, type]) => [key!, wordsOf(type!)] as const)
      .filter(([, words]) => words.length > 0);
    expect(listed.map(([key]) => key)).to.have.members(Object.keys(WRITTEN));
    for (const [key, words] of listed)
      expect((WRITTEN as Record<string, readonly unknown[]>)[key], key).to.include.members([...words]);
  });

  it('writes only what the process accepts', () => {
    for (const [name, setting] of Object.entries(PROCESS_SETTINGS)) {
      const kind: SettingKind<unknown> = setting.kind;
      for (const value of (WRITTEN as Record<string, readonly unknown[]>)[keyOf(name)] ?? []) {
        const text = kind.fromFile(value) ?? expect.fail(name);
        expect(kind.parse(text), `${name} ${text}`).to.not.equal(undefined);
      }
    }
  });
});
