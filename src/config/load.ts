// Loads the settings of a process: command line > environment > configuration file > default.
import type { Settings } from '../config.js';
import { type AskedCore, assumedCore, type ChosenCore } from './chosen-core.js';
import { fromCommandLine, parseCommandLine } from './command-line.js';
import { type ConfigFile, configFileOf, fromFile, loadConfigFile, serviceNamesIn } from './config-file.js';
import { fromDevelopment } from './development.js';
import { type Environment, fromEnvironment } from './environment.js';
import { defaultWorkers, machineFacts } from './machine-facts.js';
import { checkText, helpText, type ShownSetting, shownSettings, version } from './print.js';
import { askedCore, resolveSettings, writtenSettings } from './resolve-settings.js';
import type { MachineFacts } from './setting.js';
import type { SettingSource } from './setting-source.js';
import { socketDirectory } from './socket-directory.js';

export interface LoadOptions {
  /** `process.argv.slice(2)`: the arguments without node and script. */
  readonly argv: readonly string[];
  /**
   * Command that precedes the options in the text of `--help`.
   * @default `node dist/primary.js`
   */
  readonly command?: string;
  readonly cwd: string;
  /** Whether standard output is a terminal. */
  readonly isTTY: boolean;
  /**
   * Loads the names of the services of the reference shop. They are mounted for `--demo`, and for a
   * configuration file that declares no services.
   */
  shop(): Promise<readonly string[]>;
  /**
   * Chooses the HTTP core.
   * @default assumedCore: nothing is loaded
   * @throws ConfigError when HTTP_CORE=uws cannot be, StartError for an addon that is not the pinned one
   */
  readonly chooseCore?: (asked: AskedCore) => ChosenCore | Promise<ChosenCore>;
  /** @default process.env */
  readonly env?: Environment;
  readonly parallelism?: number;
  readonly openFiles?: number;
  readonly memoryBytes?: number;
  readonly oldGenerationBytes?: number;
  /** @default process.platform */
  readonly platform?: NodeJS.Platform;
  /**
   * Addresses of the network interfaces of this machine.
   * @default those that the system reports
   */
  readonly addresses?: readonly string[];
}

export type Loaded =
  | {
      readonly kind: 'run';
      readonly settings: Settings;
      /** Services that the configuration file declares, unchecked; undefined: the reference shop. */
      readonly services: readonly unknown[] | undefined;
      readonly core: ChosenCore;
      /** Warnings to be logged once there is a logger. */
      readonly warnings: readonly string[];
      /** All settings as people read them. */
      readonly shown: readonly ShownSetting[];
      /** The version of Multilane. */
      readonly version: string;
    }
  /** A text to print on stdout; the process then exits. */
  | { readonly kind: 'help' | 'version'; readonly text: string }
  | { readonly kind: 'check'; readonly text: string; readonly settings: Settings };

/** @throws ConfigError for any setting that is unknown or wrong; its message names where it was written */
export async function loadSettings(options: LoadOptions): Promise<Loaded> {
  const { argv, cwd, env = process.env, platform = process.platform, addresses } = options;
  const machine = machineOf(options);
  const commandLine = parseCommandLine(argv);
  if (commandLine.infoFlags.has('help')) return { kind: 'help', text: helpText(machine, options.command) };
  if (commandLine.infoFlags.has('version')) return { kind: 'version', text: `${version()}\n` };

  const path = configFileOf(cwd, commandLine);
  const file = path === undefined ? undefined : await loadConfigFile(path);
  const services = file?.services === undefined ? await options.shop() : serviceNamesIn(file);
  const warnings: string[] = [];
  const warn = (warning: string): number => warnings.push(warning);
  if (file?.services === undefined && file !== undefined) {
    warn(
      `${file.name} declares no services: the reference shop is mounted and gets databases of its own; ` +
        'add services: [defineService(…)], or start with --demo if the shop is meant',
    );
  }
  const sourcesOf = (known: readonly string[]): readonly SettingSource[] => [
    fromCommandLine(commandLine, known),
    fromEnvironment(env, known, warn),
    ...(file === undefined ? [] : [fromFile(file, known)]),
    ...(commandLine.development ? [fromDevelopment] : []),
  ];
  const written = writtenSettings(services, sourcesOf);
  const { chooseCore = assumedCore } = options;
  const core = await chooseCore(askedCore(written, machine));
  if (core.warning !== undefined) warn(core.warning);
  const context = { services, file, cwd, machine, env, platform, addresses, core, warn };
  const { settings, lines } = resolveSettings(written, context);
  if (commandLine.infoFlags.has('check')) {
    const text = checkText(lines, {
      machine,
      core,
      services: settings.services ?? services,
      file: file?.path,
      socketDirectory: settings.databaseUrl === undefined ? socketDirectory(settings, env) : undefined,
      warnings,
    });
    return { kind: 'check', text, settings };
  }
  const shown = shownSettings(lines, machine);
  return { kind: 'run', settings, services: file?.services, core, warnings, shown, version: version() };
}

/** The facts of this machine, except those that the options replace. */
function machineOf(options: LoadOptions): MachineFacts {
  const facts = { ...machineFacts(options.isTTY), ...options };
  const { isTTY, parallelism, openFiles, memoryBytes, oldGenerationBytes } = facts;
  const workers = defaultWorkers(parallelism);
  return { isTTY, parallelism, workers, openFiles, memoryBytes, oldGenerationBytes };
}

/**
 * The settings of a project whose configuration is already loaded. They are read as from its file; command
 * line and environment are ignored.
 * @param members settings by their camelCase names, which take precedence over those of the file
 * @throws ConfigError as `loadSettings`
 */
export function settingsOf(
  file: ConfigFile,
  members: Readonly<Record<string, unknown>>,
  cwd: string,
): Settings {
  const overrides: ConfigFile = { path: '', name: 'settings', services: undefined, members };
  const services = serviceNamesIn(file);
  const written = writtenSettings(services, (known) => [fromFile(overrides, known), fromFile(file, known)]);
  const machine = { ...machineFacts(false), parallelism: 1 };
  const { settings } = resolveSettings(written, {
    services,
    file,
    cwd,
    machine,
    core: assumedCore(askedCore(written, machine)),
    env: {},
    platform: process.platform,
    addresses: undefined,
    warn: () => {},
  });
  return settings;
}
