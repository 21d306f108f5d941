// Resolves all settings from their sources, checks them together, and assembles what the process runs with.
import { networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import type { Settings } from '../config.js';
import {
  type AskedCore,
  type ChosenCore,
  isAlone,
  type ReadForCore,
  type SettledCore,
  settledFor,
} from './chosen-core.js';
import type { ConfigFile } from './config-file.js';
import { checkCombinations, combinationWarnings } from './cross-checks.js';
import type { Environment } from './environment.js';
import { gatewayPolicies } from './gateway-policies.js';
import { type ReadSetting, readSetting } from './read-setting.js';
import { type MachineFacts, type Table, valuesOf } from './setting.js';
import { placeOf, type SettingSource } from './setting-source.js';
import { databaseUrlOf, PROCESS_SETTINGS, SERVICE_DATABASE_URL, SETTINGS } from './table.js';
import { exportWarnings, OTEL_SETTINGS, otelOf } from './table-otel.js';

export interface ResolveContext {
  /** Names of the declared services. */
  readonly services: readonly string[];
  readonly file: ConfigFile | undefined;
  /** Folder that relative paths in settings start from. */
  readonly cwd: string;
  readonly machine: MachineFacts;
  readonly env: Environment;
  readonly platform: NodeJS.Platform;
  /** undefined: the addresses of this machine's network interfaces. */
  readonly addresses: readonly string[] | undefined;
  readonly core: ChosenCore;
  readonly warn: (warning: string) => void;
}

/** All settings of a process, and where they may be written. */
export interface WrittenSettings {
  readonly table: Table;
  /** In order of precedence. */
  readonly sources: readonly SettingSource[];
}

/**
 * @param services names of the declared services
 * @param sourcesOf returns the sources of the settings with these names, in order of precedence
 */
export function writtenSettings(
  services: readonly string[],
  sourcesOf: (known: readonly string[]) => readonly SettingSource[],
): WrittenSettings {
  const table: Table = {
    ...SETTINGS,
    ...Object.fromEntries(services.map((service) => [databaseUrlOf(service), SERVICE_DATABASE_URL])),
  };
  return { table, sources: sourcesOf(Object.keys(table)) };
}

/** Settings that are read before the others, because these depend on them. */
type ReadFirst = 'WORKERS' | 'GRPC_WORKERS' | 'HTTP_CORE' | 'MAX_HEADER_BYTES' | 'MAX_URL_BYTES';

const readFirst = (name: ReadFirst, { sources }: WrittenSettings, machine: MachineFacts): ReadSetting =>
  readSetting(name, PROCESS_SETTINGS[name], sources, machine, () => {});

/** @throws ConfigError for a wrong value */
export function askedCore(written: WrittenSettings, machine: MachineFacts): AskedCore {
  const core = readFirst('HTTP_CORE', written, machine);
  return {
    httpCore: core.value as AskedCore['httpCore'],
    httpCoreWritten: core.written?.as,
    maxHeaderBytes: Number(readFirst('MAX_HEADER_BYTES', written, machine).value),
    maxUrlBytes: Number(readFirst('MAX_URL_BYTES', written, machine).value),
  };
}

/** @throws ConfigError for a wrong value, and for values that are wrong together */
export function resolveSettings(
  written: WrittenSettings,
  { services, file, cwd, machine, env, platform, addresses = ownAddresses(), core, warn }: ResolveContext,
): { readonly settings: Settings; readonly lines: readonly ReadSetting[] } {
  const { table, sources } = written;
  const count = (name: 'WORKERS' | 'GRPC_WORKERS'): number => Number(readFirst(name, written, machine).value);
  const facts: MachineFacts = {
    ...{ ...machine, core: core.core, grpcWorkers: count('GRPC_WORKERS') },
    workers: isAlone(core) ? 1 : count('WORKERS'),
    // The reference shop declares gRPC.
    mayServeGrpc: file?.services?.some(declaresGrpc) ?? true,
  };
  const lines = Object.entries(table).map(([name, setting]) =>
    readSetting(name, setting, sources, facts, warn),
  );
  const lineOf = new Map(lines.map((line) => [line.name, line]));
  const placeWritten = (name: string): string | undefined => {
    const line = lineOf.get(name)?.written;
    return line && placeOf(line);
  };
  const as = (name: string): string => placeWritten(name) ?? name;
  const read = assemble((name) => lineOf.get(name)?.value, services, cwd);
  const settled = settledFor(core, read, placeWritten);
  const settings: Settings = {
    ...read,
    ...settled.settings,
    upstreams: file?.upstreams ?? {},
    zone: file?.zone ?? null,
    openapi: file?.openapi ?? {},
    gatewayPolicies: file === undefined ? {} : gatewayPolicies(file, file.members.gateway),
    configFile: file?.services === undefined ? undefined : file.path,
    httpCoreWritten: lineOf.get('HTTP_CORE')?.written?.as,
    pmId: env.pm_id ?? null,
    notify: notifyOf(env),
  };
  const effective: Readonly<Record<string, unknown>> = {
    WORKERS: settings.workers,
    // One worker listens by itself as well, which is no value of its own of the setting.
    SHARDING: settings.sharding === 'single' ? 'reuseport' : settings.sharding,
  };
  for (const warning of settled.warnings) warn(warning);
  checkCombinations(settings, { as, services, platform, addresses, openFiles: machine.openFiles });
  for (const warning of combinationWarnings(settings, as)) warn(warning);
  for (const warning of exportWarnings((name) => lineOf.get(name)?.value, settings.otel)) warn(warning);
  return {
    settings,
    // As the process runs, not as they were written for another core.
    lines: lines.map((line) => ({ ...line, value: effective[line.name] ?? line.value })),
  };
}

const ownAddresses = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));

/** The notification socket of systemd: sd_notify(3) and sd_watchdog_enabled(3). */
function notifyOf(env: Environment): Settings['notify'] {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = env;
  if (!socket) return null;
  const isOurs = pid === undefined || Number(pid) === process.pid;
  return { socket, watchdogMs: isOurs && Number(usec) > 0 ? Number(usec) / 1000 : undefined };
}

/** Members that are no settings of the table. */
type NotInTable =
  | 'gatewayPolicies'
  | 'upstreams'
  | 'zone'
  | 'openapi'
  | 'configFile'
  | 'httpCoreWritten'
  | 'pmId'
  | 'notify';

function assemble(
  byName: (name: string) => unknown,
  services: readonly string[],
  cwd: string,
): Omit<Settings, NotInTable | keyof SettledCore['settings']> & ReadForCore {
  const values = valuesOf(PROCESS_SETTINGS, byName);
  const urls = services.map((service) => [service, byName(databaseUrlOf(service))]);
  const { dataDir, registryAcceptTokensFile, tlsCertFile, tlsKeyFile } = values;
  const { grpcTlsCertFile, grpcTlsKeyFile, grpcTlsClientCaFile } = values;
  const absolute = (file: string | undefined): string | undefined =>
    file === undefined ? undefined : resolve(cwd, file);
  return {
    ...values,
    serviceDatabaseUrls: Object.fromEntries(urls.filter(([, url]) => url !== undefined)),
    dataDir: resolve(cwd, dataDir),
    registryAcceptTokensFile: absolute(registryAcceptTokensFile),
    tlsCertFile: absolute(tlsCertFile),
    tlsKeyFile: absolute(tlsKeyFile),
    grpcTlsCertFile: absolute(grpcTlsCertFile),
    grpcTlsKeyFile: absolute(grpcTlsKeyFile),
    grpcTlsClientCaFile: absolute(grpcTlsClientCaFile),
    otel: otelOf(valuesOf(OTEL_SETTINGS, byName)),
  };
}

/** @param service of the configuration file, unchecked */
const declaresGrpc = (service: unknown): boolean =>
  typeof service === 'object' && service !== null && 'grpc' in service && service.grpc !== undefined;
