// The configuration file `multilane.config.{ts,js,mjs,json}`: settings by their camelCase names. A module
// also declares the services.
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { types } from 'node:util';
import { errorMessage } from '../error-text.js';
import { ConfigError } from '../errors.js';
import { suggestedName } from '../name-suggestion.js';
import type { OpenApiOptions } from '../openapi-options.js';
import { isServiceName } from '../service-name.js';
import { sourceFile } from '../source-file.js';
import type { Upstreams } from '../upstream-options.js';
import { importConfigModule } from '../user-code/module.js';
import { formatLocation } from '../user-code/project-error.js';
import { sourceLine } from '../user-code/source-maps.js';
import type { CommandLine } from './command-line.js';
import { placeOfKey } from './key-place.js';
import { keyOf } from './setting-names.js';
import type { SettingSource } from './setting-source.js';

/**
 * Extensions of the file. A `.ts` file needs Node.js 22.18 or later, which runs TypeScript without a build.
 */
const KINDS = ['.ts', '.js', '.mjs', '.json'];
/** Members that are no settings. */
const STRUCTURED = ['services', 'protos', 'upstreams', 'zone', 'openapi'];
const NAMES = KINDS.map((kind) => `multilane.config${kind}`);

export interface ConfigFile {
  /** Absolute path. */
  readonly path: string;
  /** File name, for messages: that of the source where the file was built. */
  readonly name: string;
  /** The list `services`, whose items are unchecked; undefined when the file declares none. */
  readonly services: readonly unknown[] | undefined;
  /** The member `protos`, which is unchecked; see `ProjectConfig`. */
  readonly protos?: unknown;
  /** See `ProjectConfig`. */
  readonly upstreams?: Upstreams | undefined;
  readonly zone?: string | null | undefined;
  readonly openapi?: OpenApiOptions | false | undefined;
  /** All other members. */
  readonly members: Readonly<Record<string, unknown>>;
}

/** The configuration file with a default name in a folder. @throws ConfigError when there are several */
export function defaultConfigFile(cwd: string): string | undefined {
  const found = NAMES.filter((name) => existsSync(join(cwd, name)));
  if (found.length > 1) throw new ConfigError(`${found.join(' and ')}: keep one, or name one with --config`);
  return found[0] === undefined ? undefined : join(cwd, found[0]);
}

/**
 * The path of the configuration file that a command line selects; undefined for `--demo`. A missing file is
 * an error: the folder is probably the wrong one, and default services would migrate the database that the
 * environment names.
 * @throws ConfigError when the file does not exist, or has an unknown extension
 */
export function configFileOf(
  cwd: string,
  { config, demo }: Pick<CommandLine, 'config' | 'demo'>,
): string | undefined {
  if (demo) return undefined;
  if (config === undefined) {
    const path = defaultConfigFile(cwd);
    if (path === undefined) throw missing(cwd);
    return path;
  }
  const path = resolve(cwd, config);
  if (!existsSync(path)) {
    const isBuilt = /\.[cm]?js$/.test(path) && existsSync(join(cwd, 'multilane.config.ts'));
    const next = isBuilt ? '; build it: npx multilane build' : '';
    throw new ConfigError(`--config: there is no file ${config}${next}`);
  }
  if (!KINDS.includes(extname(path))) {
    throw new ConfigError(`--config: ${config} is neither ${KINDS.join(' nor ')}`);
  }
  return path;
}

const missing = (cwd: string): ConfigError =>
  new ConfigError(
    `no configuration file: looked for ${NAMES.join(', ')} in ${cwd}; start in the folder of your project, ` +
      'name its file with --config FILE, write a new project with "multilane new DIR", ' +
      'or run the reference shop with --demo',
  );

async function readContent(path: string, name: string): Promise<unknown> {
  if (extname(path) !== '.json') return defaultExportOf(await importConfigModule(path), path);
  const text = await readFile(path, 'utf8');
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = String(cause).replaceAll(/\s+/g, ' ');
    const position = / at position (\d+)/.exec(message)?.[1];
    const line = position === undefined ? '' : `:${text.slice(0, Number(position)).split('\n').length}`;
    throw new ConfigError(`${name}${line}: cannot be loaded: ${message}`, { cause });
  }
}

/** @throws ConfigError that names the line of the export when it is no configuration */
function defaultExportOf(exports: Readonly<Record<string, unknown>>, path: string): unknown {
  const content = exports.default;
  const found = notAConfig(content);
  if (found === undefined) return content;
  const lines = readFileSync(path, 'utf8').split('\n');
  const at = lines.findIndex((text) => /^\s*export\s+default\b|^\s*module\.exports\s*=/.test(text)) + 1;
  const { file, line } = sourceLine(path, at);
  const place = formatLocation(file, ...(at === 0 ? [] : [line]));
  throw new ConfigError(`${place}: ${found}; write: export default defineConfig({ services: [...] })`);
}

/** The reason why an exported value is no configuration; undefined when it may be one. */
function notAConfig(content: unknown): string | undefined {
  if (content === undefined) return 'there is no default export';
  if (typeof content !== 'object' || content === null) {
    return `the default export must be an object, not ${content === null ? 'null' : `a ${typeof content}`}`;
  }
  if (Array.isArray(content)) return 'the default export must be an object, not a list';
  if (types.isPromise(content)) {
    content.catch(() => {}); // the error below is thrown instead
    return 'the default export must be an object, not a promise (export default await …)';
  }
  if ('routes' in content) return 'the default export is a service, not a configuration';
  return undefined;
}

/**
 * @param path a path from `configFileOf`
 * @throws ConfigError for a file that cannot be loaded or does not contain a configuration
 */
export async function loadConfigFile(path: string): Promise<ConfigFile> {
  const name = basename(sourceFile(path));
  const content = await readContent(path, name);
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new ConfigError(`${name}: must contain an object`);
  }
  const { services, protos, upstreams, zone, openapi, ...members } = content as Readonly<
    Record<string, unknown>
  >;
  if (services !== undefined && extname(path) === '.json') {
    throw new ConfigError(
      `${placeOfKey({ path, name }, 'services')}: "services" needs a .js or .mjs file, because services are code; to mount only some, use SERVICES`,
    );
  }
  if (services !== undefined && (!Array.isArray(services) || services.length === 0)) {
    throw new ConfigError(
      `${placeOfKey({ path, name }, 'services')}: "services" must be a list of at least one defineService(…)`,
    );
  }
  const checked = { upstreams, zone, openapi };
  if (Object.values(checked).some((member) => member !== undefined))
    await checkMembers(checked, { path, name });
  return { path, name, services, protos, ...(checked as CheckedMembers), members };
}

type CheckedMembers = Pick<ConfigFile, 'upstreams' | 'zone' | 'openapi'>;

/**
 * Few files have these members, so the checks are loaded for them only.
 * @throws ConfigError that names the file and the line
 */
async function checkMembers(
  members: Record<string, unknown>,
  file: Pick<ConfigFile, 'path' | 'name'>,
): Promise<void> {
  const { upstreams = {}, zone = null, openapi = {} } = members;
  const { checkUpstreams, checkZone } = await import('../upstream-options.js');
  const { checkOpenApi } = await import('../openapi-checks.js');
  const checks: Readonly<Record<string, () => void>> = {
    upstreams: () => checkUpstreams(upstreams),
    zone: () => checkZone(zone),
    openapi: () => checkOpenApi(openapi),
  };
  for (const [key, check] of Object.entries(checks)) {
    try {
      check();
    } catch (cause) {
      throw new ConfigError(`${placeOfKey(file, key)}: ${errorMessage(cause)}`, { cause });
    }
  }
}

/**
 * Names of the services that a file declares. Their other members are checked when they are mounted.
 * @throws ConfigError for an item of `services` that is not a service
 */
export function serviceNamesIn(file: ConfigFile): readonly string[] {
  const { services = [] } = file;
  return services.map((service, index) => {
    const name =
      typeof service === 'object' && service !== null && 'name' in service ? service.name : undefined;
    if (isServiceName(name)) return name;
    throw new ConfigError(
      `${placeOfKey(file, 'services')}: services[${index}] is not a service: wrap it in defineService(…)`,
    );
  });
}

/** The file as a source of settings. @throws ConfigError for a key that is not in `known` */
export function fromFile(file: ConfigFile, known: readonly string[]): SettingSource {
  const { name: fileName, members } = file;
  const spellings = known.map(keyOf);
  for (const key of Object.keys(members)) {
    if (spellings.includes(key)) continue;
    if (STRUCTURED.includes(key))
      throw new ConfigError(
        `${placeOfKey(file, key)}: "${key}" is a member of the configuration, not a setting`,
      );
    const near = suggestedName(key, [...spellings, ...STRUCTURED]);
    const hint = near === undefined ? '; docs/settings.md lists all keys' : `, did you mean "${near}"?`;
    throw new ConfigError(`${placeOfKey(file, key)}: unknown key "${key}"${hint}`);
  }
  return (name, { kind }) => {
    const key = keyOf(name);
    const raw = Object.hasOwn(members, key) ? members[key] : undefined;
    if (raw === undefined || raw === null) return undefined;
    const locate = (): string => `${placeOfKey(file, key)}: ${key}`;
    return { as: `${fileName}: ${key}`, locate, text: kind.fromFile(raw), raw, place: 'file' };
  };
}
