// Checks the sources of settings that stay as they are while files change: command line and environment.
import { fromCommandLine, parseCommandLine } from './command-line.js';
import { type Environment, fromEnvironment } from './environment.js';
import { machineFacts } from './machine-facts.js';
import { readSetting } from './read-setting.js';
import type { Table } from './setting.js';
import { PREFIX } from './setting-names.js';
import { SERVICE_DATABASE_URL, SETTINGS } from './table.js';

export interface StartSources {
  readonly argv: readonly string[];
  /** @default process.env */
  readonly env?: Environment;
}

/**
 * Checks flags and environment without the project. Which services there are is not known, so a database URL
 * of any service is accepted, and so is what only a rule between settings refuses: the file may settle it.
 * @throws ConfigError for a name that no project makes a setting, and for a wrong value
 */
export function checkStartSources({ argv, env = process.env }: StartSources): void {
  const commandLine = parseCommandLine(argv);
  const written = [
    ...[...commandLine.flags.keys()].map((flag) => flag.slice(2).toUpperCase().replaceAll('-', '_')),
    ...Object.keys(env).map((name) => (name.startsWith(PREFIX) ? name.slice(PREFIX.length) : '')),
  ];
  const ofServices = written.filter((name) => /^[A-Z]\w*_DATABASE_URL$/.test(name));
  const table: Table = {
    ...Object.fromEntries(ofServices.map((name) => [name, SERVICE_DATABASE_URL])),
    ...SETTINGS,
  };
  const ignored = (): void => {};
  const known = Object.keys(table);
  const sources = [fromCommandLine(commandLine, known), fromEnvironment(env, known, ignored)];
  const machine = machineFacts(false);
  for (const [name, setting] of Object.entries(table)) readSetting(name, setting, sources, machine, ignored);
}
