// `--kebab-case value` and `--kebab-case=value`. Which flags exist is known only when the configuration file
// is (services add some), and that file may be named by a flag: so parsing and checking are two steps.
import { ConfigError } from '../errors.js';
import { nearestName } from '../name-suggestion.js';
import { flagOf } from './setting-names.js';
import type { SettingSource } from './setting-source.js';

/** What may be asked for beside settings. */
export const OPTIONS = {
  '--config':
    'Configuration file to use instead of multilane.config.{ts,js,mjs,json} in the working directory.',
  '--demo': 'Run the reference shop, without a configuration file.',
  '--check': 'Read and check the settings, print them with secrets masked, and exit.',
  '--help': 'Print this text and exit.',
  '--version': 'Print the version and exit.',
} as const;

export type InfoFlag = 'check' | 'help' | 'version';

export interface CommandLine {
  readonly config: string | undefined;
  /** The reference shop is wanted, and no configuration file. */
  readonly demo: boolean;
  readonly asks: ReadonlySet<InfoFlag>;
  /** By flag; undefined: the value is missing. */
  readonly flags: ReadonlyMap<string, string | undefined>;
}

const ASKS: ReadonlyMap<string, InfoFlag> = new Map([
  ['--check', 'check'],
  ['--help', 'help'],
  ['-h', 'help'],
  ['--version', 'version'],
  ['-v', 'version'],
]);

/**
 * @throws ConfigError for an argument that is no flag, and for a `--config` without its file or beside
 *   `--demo`
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const flags = new Map<string, string | undefined>();
  const asks = new Set<InfoFlag>();
  let demo = false;
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const ask = ASKS.get(word);
    if (ask !== undefined) {
      asks.add(ask);
      continue;
    }
    if (word === '--demo') {
      demo = true;
      continue;
    }
    const [, flag, value] = /^(--[^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (flag === undefined) throw new ConfigError(`unexpected argument "${word}"`);
    if (ASKS.has(flag) || flag === '--demo') throw new ConfigError(`${flag}: takes no value`);
    const valueFollows = value === undefined && rest[0] !== undefined && !rest[0].startsWith('--');
    flags.set(flag, valueFollows ? rest.shift() : value);
  }
  const config = flags.get('--config');
  if (flags.delete('--config') && !config) throw new ConfigError('--config: the file is missing');
  if (demo && config) throw new ConfigError('--demo runs without a configuration file: leave out --config');
  return { config, demo, asks, flags };
}

/** @throws ConfigError for a flag that is none of `known` */
export function fromCommandLine({ flags }: CommandLine, known: readonly string[]): SettingSource {
  const spellings = known.map(flagOf);
  for (const flag of flags.keys()) {
    if (spellings.includes(flag)) continue;
    const hint = nearestName(flag, [...spellings, ...Object.keys(OPTIONS)]);
    throw new ConfigError(`${flag}: unknown option, did you mean ${hint}?`);
  }
  return (name) => {
    const as = flagOf(name);
    if (!flags.has(as)) return undefined;
    const text = flags.get(as);
    if (text === undefined) throw new ConfigError(`${as}: the value is missing`);
    return { as, text, raw: text, place: 'command line' };
  };
}
