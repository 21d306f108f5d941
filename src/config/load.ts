// Reads all settings. Command line > environment > configuration file > default.
import { networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import type { Settings } from '../config.js';
import { ConfigError } from '../errors.js';
import { maskText } from '../redaction/secret-texts.js';
import { isServiceName } from '../service-name.js';
import { fromCommandLine, parseCommandLine } from './command-line.js';
import { type ConfigFile, configFileOf, fromFile, loadConfigFile } from './config-file.js';
import { checkCombinations, combinationWarnings } from './cross-checks.js';
import { type Environment, fromEnvironment } from './environment.js';
import { defaultWorkers, machineFacts } from './machine-facts.js';
import { checkText, helpText, type Line, version } from './print.js';
import { type MachineFacts, type Setting, type Table, valuesOf } from './setting.js';
import { flagOf, PREFIX } from './setting-names.js';
import type { SettingSource, WrittenSetting } from './setting-source.js';
import { socketDirectory } from './socket-directory.js';
import { databaseUrlOf, PROCESS_SETTINGS, SERVICE_DATABASE_URL, SETTINGS } from './table.js';
import { OTEL_SETTINGS, otelOf } from './table-otel.js';

export interface LoadOptions {
  /** Without node and script: `process.argv.slice(2)`. */
  readonly argv: readonly string[];
  /** What was typed before them, for `--help`; default: the file that is run. */
  readonly command?: string;
  readonly cwd: string;
  /** Standard output is a terminal. */
  readonly isTTY: boolean;
  /**
   * Names of the services of the reference shop: for `--demo`, and for a configuration that declares none.
   */
  readonly shop: readonly string[];
  readonly env?: Environment;
  readonly parallelism?: number;
  readonly openFiles?: number;
  readonly memoryBytes?: number;
  readonly oldGenerationBytes?: number;
  readonly platform?: NodeJS.Platform;
  /** Addresses of this machine. */
  readonly addresses?: readonly string[];
}

export type Loaded =
  | {
      readonly kind: 'run';
      readonly settings: Settings;
      /** What the configuration module declares, unchecked; undefined: the reference shop. */
      readonly services: readonly unknown[] | undefined;
      /** For the log, once there is one. */
      readonly warnings: readonly string[];
    }
  /** To be printed on stdout, and that is all. */
  | { readonly kind: 'help' | 'version' | 'check'; readonly text: string };

/** @throws ConfigError for anything that is unknown or wrong, naming where it was written */
export async function loadSettings(options: LoadOptions): Promise<Loaded> {
  const { argv, cwd, isTTY, env = process.env, platform = process.platform } = options;
  const facts = { ...machineFacts(isTTY), ...options };
  const { parallelism, openFiles, memoryBytes, oldGenerationBytes } = facts;
  const workers = defaultWorkers(parallelism);
  const machine: MachineFacts = { isTTY, parallelism, workers, openFiles, memoryBytes, oldGenerationBytes };
  const commandLine = parseCommandLine(argv);
  if (commandLine.asks.has('help')) return { kind: 'help', text: helpText(machine, options.command) };
  if (commandLine.asks.has('version')) return { kind: 'version', text: `${version()}\n` };

  const path = configFileOf(cwd, commandLine);
  const file = path === undefined ? undefined : await loadConfigFile(path);
  const services = file?.services === undefined ? options.shop : namesOf(file);
  const warnings: string[] = [];
  const warn = (warning: string): number => warnings.push(warning);
  if (file?.services === undefined && file !== undefined) {
    warn(`${file.name} declares no services: the reference shop is mounted`);
  }
  const sources = (known: readonly string[]): readonly SettingSource[] => [
    fromCommandLine(commandLine, known),
    fromEnvironment(env, known, warn),
    ...(file === undefined ? [] : [fromFile(file, known)]),
  ];
  const { addresses } = options;
  const surroundings = { services, file, cwd, machine, env, platform, addresses, warn };
  const { settings, lines } = resolveSettings(sources, surroundings);
  if (commandLine.asks.has('check')) {
    const text = checkText(lines, {
      machine,
      services: settings.services ?? services,
      file: file?.path,
      socketDirectory: settings.databaseUrl === undefined ? socketDirectory(settings, env) : undefined,
      warnings,
    });
    return { kind: 'check', text };
  }
  return { kind: 'run', settings, services: file?.services, warnings };
}

/**
 * The settings that decide how many open files are needed, as far as they are known without a configuration
 * file: with too few open files its modules may not load.
 * @returns `maxConnections` is undefined where it is the default
 * @throws ConfigError for a value that is wrong
 */
export function earlySettings(argv: readonly string[], env: Environment = process.env): EarlySettings {
  const machine = machineFacts(false);
  const names = ['WORKERS', 'MAX_CONNECTIONS'];
  const commandLine = parseCommandLine(argv);
  const flags = new Map([...commandLine.flags].filter(([flag]) => names.map(flagOf).includes(flag)));
  const variables = names.flatMap((name) => [PREFIX + name, name]).map((name) => [name, env[name]]);
  const sources = [
    fromCommandLine({ ...commandLine, flags }, names),
    fromEnvironment(Object.fromEntries(variables), names, () => {}),
  ];
  const { WORKERS, MAX_CONNECTIONS } = PROCESS_SETTINGS;
  const workers = read('WORKERS', WORKERS, sources, machine, () => {}).value;
  const orNone = { ...MAX_CONNECTIONS, default: () => undefined };
  const maxConnections = read('MAX_CONNECTIONS', orNone, sources, machine, () => {}).value;
  return {
    workers: Number(workers),
    maxConnections: maxConnections === undefined ? undefined : Number(maxConnections),
  };
}

interface EarlySettings {
  readonly workers: number;
  readonly maxConnections: number | undefined;
}

/**
 * The settings of a project whose configuration is at hand, as its file would be read: command line and
 * environment have no part in it.
 * @param members by their camelCase names; they win over those of the file
 * @throws ConfigError as `loadSettings`
 */
export function settingsOf(
  file: ConfigFile,
  members: Readonly<Record<string, unknown>>,
  cwd: string,
): Settings {
  const given: ConfigFile = { path: '', name: 'settings', services: undefined, members };
  const { settings } = resolveSettings((known) => [fromFile(given, known), fromFile(file, known)], {
    services: namesOf(file),
    file,
    cwd,
    machine: { ...machineFacts(false), parallelism: 1 },
    env: {},
    platform: process.platform,
    addresses: undefined,
    warn: () => {},
  });
  return settings;
}

interface ResolveContext {
  /** Names of those that are declared. */
  readonly services: readonly string[];
  readonly file: ConfigFile | undefined;
  readonly cwd: string;
  readonly machine: MachineFacts;
  readonly env: Environment;
  readonly platform: NodeJS.Platform;
  readonly addresses: readonly string[] | undefined;
  readonly warn: (warning: string) => void;
}

/** @param sourcesOf of the settings of these names, the first wins */
function resolveSettings(
  sourcesOf: (known: readonly string[]) => readonly SettingSource[],
  { services, file, cwd, machine, env, platform, addresses = ownAddresses(), warn }: ResolveContext,
): { readonly settings: Settings; readonly lines: readonly Line[] } {
  const table: Table = {
    ...SETTINGS,
    ...Object.fromEntries(services.map((service) => [databaseUrlOf(service), SERVICE_DATABASE_URL])),
  };
  const sources = sourcesOf(Object.keys(table));
  const { value: workers } = read('WORKERS', PROCESS_SETTINGS.WORKERS, sources, machine, () => {});
  const facts: MachineFacts = { ...machine, workers: Number(workers) };
  const lines = Object.entries(table).map(([name, setting]) => read(name, setting, sources, facts, warn));
  const lineOf = new Map(lines.map((line) => [line.name, line]));
  const settings: Settings = {
    ...assemble((name) => lineOf.get(name)?.value, services, cwd),
    configFile: file?.services === undefined ? undefined : file.path,
    pmId: env.pm_id ?? null,
    notify: notifyOf(env),
  };
  const as = (name: string): string => lineOf.get(name)?.written?.as ?? name;
  checkCombinations(settings, { as, services, platform, addresses, openFiles: machine.openFiles });
  for (const doubt of combinationWarnings(settings, as)) warn(doubt);
  return { settings, lines };
}

/** sd_notify(3) and sd_watchdog_enabled(3). */
function notifyOf(env: Environment): Settings['notify'] {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = env;
  if (!socket) return null;
  const isOurs = pid === undefined || Number(pid) === process.pid;
  return { socket, watchdogMs: isOurs && Number(usec) > 0 ? Number(usec) / 1000 : undefined };
}

const ownAddresses = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));

/** Other members of a service are the business of whoever mounts it. */
function namesOf({ name: file, services = [] }: ConfigFile): readonly string[] {
  return services.map((service, index) => {
    const name =
      typeof service === 'object' && service !== null && 'name' in service ? service.name : undefined;
    if (isServiceName(name)) return name;
    throw new ConfigError(`${file}: services[${index}] is not a service: wrap it in defineService(…)`);
  });
}

function read(
  name: string,
  setting: Setting,
  sources: readonly SettingSource[],
  machine: MachineFacts,
  warn: (warning: string) => void,
): Line {
  for (const source of sources) {
    const written = source(name, setting);
    if (written === undefined) continue;
    const value = written.text === undefined ? undefined : setting.kind.parse(written.text);
    if (value !== undefined) return { name, setting, value, written };
    const fault = faultOf(written, setting);
    if (setting.lenient !== true || written.place !== 'environment') throw new ConfigError(fault);
    warn(`${fault}; ignored`);
  }
  return { name, setting, value: setting.default(machine), written: undefined };
}

function faultOf({ as, raw }: WrittenSetting, { kind }: Setting): string {
  // A secret may be anywhere by mistake.
  const shown = kind.secret === true ? 'the value' : maskText(JSON.stringify(raw));
  return `${as}: ${shown} is not ${kind.type}${kind.range === undefined ? '' : ` ${kind.range}`}`;
}

function assemble(
  byName: (name: string) => unknown,
  services: readonly string[],
  cwd: string,
): Omit<Settings, 'configFile' | 'pmId' | 'notify'> {
  const { registry: _onlyOneChoice, ...values } = valuesOf(PROCESS_SETTINGS, byName);
  const urls = services.map((service) => [service, byName(databaseUrlOf(service))]);
  const { dataDir, registryAcceptTokensFile, tlsCertFile, tlsKeyFile } = values;
  const absolute = (file: string | undefined): string | undefined =>
    file === undefined ? undefined : resolve(cwd, file);
  return {
    ...values,
    serviceDatabaseUrls: Object.fromEntries(urls.filter(([, url]) => url !== undefined)),
    dataDir: resolve(cwd, dataDir),
    registryAcceptTokensFile: absolute(registryAcceptTokensFile),
    tlsCertFile: absolute(tlsCertFile),
    tlsKeyFile: absolute(tlsKeyFile),
    otel: otelOf(valuesOf(OTEL_SETTINGS, byName)),
  };
}
