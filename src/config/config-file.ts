// `multilane.config.{ts,js,mjs,json}`: settings by their camelCase names; a module also declares the
// services.
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { types } from 'node:util';
import { ConfigError } from '../errors.js';
import { nearestName } from '../name-suggestion.js';
import { isServiceName } from '../service-name.js';
import { importConfigModule } from '../user-code/module.js';
import { formatLocation } from '../user-code/project-error.js';
import type { CommandLine } from './command-line.js';
import { keyOf } from './setting-names.js';
import type { SettingSource } from './setting-source.js';

/** `.ts` is loaded where Node.js runs it unbuilt: from 22.18 on. */
const KINDS = ['.ts', '.js', '.mjs', '.json'];
const NAMES = KINDS.map((kind) => `multilane.config${kind}`);

export interface ConfigFile {
  /** Absolute. */
  readonly path: string;
  /** As messages name it. */
  readonly name: string;
  /** What `services` holds, unchecked but for being a list; undefined when the file declares none. */
  readonly services: readonly unknown[] | undefined;
  /** Everything else. */
  readonly members: Readonly<Record<string, unknown>>;
}

/** The one of the default names that lies in a folder. @throws ConfigError when there are two */
export function defaultConfigFile(cwd: string): string | undefined {
  const found = NAMES.filter((name) => existsSync(join(cwd, name)));
  if (found.length > 1) throw new ConfigError(`${found.join(' and ')}: keep one, or name one with --config`);
  return found[0] === undefined ? undefined : join(cwd, found[0]);
}

/**
 * Path of the configuration file that a command line means, undefined for `--demo`. Without a file there is
 * nothing to run: the folder is probably the wrong one, and services that run by default would migrate the
 * database that its environment names.
 * @throws ConfigError when it is not there, or of an unknown kind
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
  if (!existsSync(path)) throw new ConfigError(`--config: there is no file ${config}`);
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

/** @throws ConfigError naming the line of the export */
function defaultExportOf(exports: Readonly<Record<string, unknown>>, path: string): unknown {
  const content = exports.default;
  const found = notAConfig(content);
  if (found === undefined) return content;
  const lines = readFileSync(path, 'utf8').split('\n');
  const line = lines.findIndex((text) => /^\s*export\s+default\b|^\s*module\.exports\s*=/.test(text)) + 1;
  const place = formatLocation(path, ...(line === 0 ? [] : [line]));
  throw new ConfigError(`${place}: ${found}; write: export default defineConfig({ services: [...] })`);
}

/** What is exported instead of an object of settings and services. */
function notAConfig(content: unknown): string | undefined {
  if (content === undefined) return 'there is no default export';
  if (typeof content !== 'object' || content === null) {
    return `the default export must be an object, not ${content === null ? 'null' : `a ${typeof content}`}`;
  }
  if (Array.isArray(content)) return 'the default export must be an object, not a list';
  if (types.isPromise(content)) {
    content.catch(() => {}); // this refusal says it first
    return 'the default export must be an object, not a promise (export default await …)';
  }
  if ('routes' in content) return 'the default export is a service, not a configuration';
  return undefined;
}

/**
 * @param path as `configFileOf` has found it
 * @throws ConfigError for a file that is broken, or of no use
 */
export async function loadConfigFile(path: string): Promise<ConfigFile> {
  const name = basename(path);
  const content = await readContent(path, name);
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new ConfigError(`${name}: must hold an object`);
  }
  const { services, ...members } = content as Readonly<Record<string, unknown>>;
  if (services !== undefined && extname(path) === '.json') {
    throw new ConfigError(
      `${name}: "services" takes code, so a .js or .mjs file; to mount some only, use SERVICES`,
    );
  }
  if (services !== undefined && (!Array.isArray(services) || services.length === 0)) {
    throw new ConfigError(`${name}: "services" must be a list of at least one defineService(…)`);
  }
  return { path, name, services, members };
}

/**
 * Names of the services that a file declares. Their other members are checked when they are mounted.
 * @throws ConfigError for an item of `services` that is not a service
 */
export function serviceNamesIn({ name: file, services = [] }: ConfigFile): readonly string[] {
  return services.map((service, index) => {
    const name =
      typeof service === 'object' && service !== null && 'name' in service ? service.name : undefined;
    if (isServiceName(name)) return name;
    throw new ConfigError(`${file}: services[${index}] is not a service: wrap it in defineService(…)`);
  });
}

/** @throws ConfigError for a key that is not in `known` */
export function fromFile({ name: file, members }: ConfigFile, known: readonly string[]): SettingSource {
  const spellings = known.map(keyOf);
  for (const key of Object.keys(members)) {
    if (spellings.includes(key)) continue;
    const hint = nearestName(key, [...spellings, 'services']);
    throw new ConfigError(`${file}: unknown key "${key}", did you mean "${hint}"?`);
  }
  return (name, { kind }) => {
    const key = keyOf(name);
    const raw = Object.hasOwn(members, key) ? members[key] : undefined;
    if (raw === undefined || raw === null) return undefined;
    return { as: `${file}: ${key}`, text: kind.fromFile(raw), raw, place: 'file' };
  };
}
