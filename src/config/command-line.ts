// Flags: `--kebab-case value` and `--kebab-case=value`. The services of the configuration file add flags, and
// a flag may name that file, so flags are parsed first and checked later.
import { ConfigError } from '../errors.js';
import { suggestedName } from '../name-suggestion.js';
import { flagOf } from './setting-names.js';
import type { SettingSource } from './setting-source.js';

/** Flags that are not settings. */
export const OPTIONS = {
  '--config':
    'Configuration file to use instead of multilane.config.{ts,js,mjs,json} in the working directory.',
  '--demo': 'Run the reference shop, without a configuration file.',
  '--development': 'Use the defaults of `multilane dev`, which every other source of settings overrides.',
  '--check': 'Read and check the settings, print them with secrets masked, and exit.',
  '--help': 'Print this text and exit.',
  '--version': 'Print the version and exit.',
} as const;

/** Flags of `multilane dev` itself, which do not reach the process. */
export const DEV_OPTIONS = {
  '--no-open': 'Do not open the dashboard in a browser when the process is ready.',
  '--no-types': 'Do not check the types of a TypeScript project beside the process.',
} as const;

export type InfoFlag = 'check' | 'help' | 'version';

export interface CommandLine {
  readonly config: string | undefined;
  /** True for `--demo`: the reference shop runs without a configuration file. */
  readonly demo: boolean;
  /** True for `--development`: the defaults are those of development. */
  readonly development: boolean;
  readonly infoFlags: ReadonlySet<InfoFlag>;
  /** Values by flag; undefined: the value is missing. */
  readonly flags: ReadonlyMap<string, string | undefined>;
}

const INFO_FLAGS: ReadonlyMap<string, InfoFlag> = new Map([
  ['--check', 'check'],
  ['--help', 'help'],
  ['-h', 'help'],
  ['--version', 'version'],
  ['-v', 'version'],
]);

const SWITCHES = ['--demo', '--development'];

/**
 * Parses the command line without checking the names of flags.
 * @throws ConfigError for an argument that is no flag, for `--config` without a file, and for `--config`
 *   together with `--demo`
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const flags = new Map<string, string | undefined>();
  const infoFlags = new Set<InfoFlag>();
  const switches = new Set<string>();
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const infoFlag = INFO_FLAGS.get(word);
    if (infoFlag !== undefined) {
      infoFlags.add(infoFlag);
      continue;
    }
    if (SWITCHES.includes(word)) {
      switches.add(word);
      continue;
    }
    const [, flag, value] = /^(--[^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (flag === undefined) throw new ConfigError(`unexpected argument "${word}"`);
    if (INFO_FLAGS.has(flag) || SWITCHES.includes(flag)) throw new ConfigError(`${flag}: takes no value`);
    const valueFollows = value === undefined && rest[0] !== undefined && !rest[0].startsWith('--');
    flags.set(flag, valueFollows ? rest.shift() : value);
  }
  const config = flags.get('--config');
  if (flags.delete('--config') && !config) throw new ConfigError('--config: the file is missing');
  const demo = switches.has('--demo');
  if (demo && config) throw new ConfigError('--demo runs without a configuration file: remove --config');
  return { config, demo, development: switches.has('--development'), infoFlags, flags };
}

/** The flags as a source of settings. @throws ConfigError for a flag that is not in `known` */
export function fromCommandLine(
  { flags, development }: CommandLine,
  known: readonly string[],
): SettingSource {
  const spellings = known.map(flagOf);
  const others = [...Object.keys(OPTIONS), ...(development ? Object.keys(DEV_OPTIONS) : [])];
  for (const flag of flags.keys()) {
    if (spellings.includes(flag)) continue;
    // The dashes, which all flags share, do not count.
    const words = [...spellings, ...others].filter((one) => one !== flag).map((one) => one.slice(2));
    const near = suggestedName(flag.slice(2), words);
    const hint = near === undefined ? '; --help lists all options' : `, did you mean --${near}?`;
    throw new ConfigError(`${flag}: unknown option${hint}`);
  }
  return (name) => {
    const as = flagOf(name);
    if (!flags.has(as)) return undefined;
    const text = flags.get(as);
    if (text === undefined) throw new ConfigError(`${as}: the value is missing`);
    return { as, text, raw: text, place: 'command line' };
  };
}
