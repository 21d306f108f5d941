// The settings that decide how many open files a process needs, as far as they are known without its
// configuration file. With too few open files the modules of that file may fail to load.
import { fromCommandLine, parseCommandLine } from './command-line.js';
import { type Environment, fromEnvironment } from './environment.js';
import { machineFacts } from './machine-facts.js';
import { readSetting } from './read-setting.js';
import { flagOf, PREFIX } from './setting-names.js';
import { PROCESS_SETTINGS } from './table.js';

export interface EarlySettings {
  readonly workers: number;
  /** undefined: the default applies. */
  readonly maxConnections: number | undefined;
}

const NAMES = ['WORKERS', 'MAX_CONNECTIONS'];

/** @throws ConfigError for a wrong value of WORKERS or MAX_CONNECTIONS */
export function earlySettings(argv: readonly string[], env: Environment = process.env): EarlySettings {
  const machine = machineFacts(false);
  const commandLine = parseCommandLine(argv);
  const flags = new Map([...commandLine.flags].filter(([flag]) => NAMES.map(flagOf).includes(flag)));
  const variables = NAMES.flatMap((name) => [PREFIX + name, name]).map((name) => [name, env[name]]);
  const ignoreWarning = (): void => {};
  const sources = [
    fromCommandLine({ ...commandLine, flags }, NAMES),
    fromEnvironment(Object.fromEntries(variables), NAMES, ignoreWarning),
  ];
  const { WORKERS, MAX_CONNECTIONS } = PROCESS_SETTINGS;
  const workers = readSetting('WORKERS', WORKERS, sources, machine, ignoreWarning).value;
  const orUndefined = { ...MAX_CONNECTIONS, default: () => undefined };
  const maxConnections = readSetting('MAX_CONNECTIONS', orUndefined, sources, machine, ignoreWarning).value;
  return {
    workers: Number(workers),
    maxConnections: maxConnections === undefined ? undefined : Number(maxConnections),
  };
}
