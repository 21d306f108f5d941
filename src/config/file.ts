// `multilane.config.{js,mjs,json}`: settings by their camelCase names; a module also declares the services.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError } from '../errors.js';
import { keyOf, nearest } from './names.js';
import type { Source } from './source.js';

const NAMES = ['multilane.config.js', 'multilane.config.mjs', 'multilane.config.json'];

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

/** @throws ConfigError when two files of the default names lie in `cwd` */
function find(cwd: string): string | undefined {
  const found = NAMES.filter((name) => existsSync(join(cwd, name)));
  if (found.length > 1) throw new ConfigError(`${found.join(' and ')}: keep one, or name one with --config`);
  return found[0] === undefined ? undefined : join(cwd, found[0]);
}

async function contentOf(path: string, name: string): Promise<unknown> {
  try {
    if (extname(path) === '.json') return JSON.parse(await readFile(path, 'utf8'));
    const module: { default?: unknown } = await import(pathToFileURL(path).href);
    return module.default;
  } catch (cause) {
    if (cause instanceof ConfigError) throw new ConfigError(`${name}: ${cause.message}`, { cause });
    const reason =
      cause instanceof Error ? `${cause.name}: ${cause.message.split('\n', 1)[0]}` : String(cause);
    throw new ConfigError(`${name}: cannot be loaded: ${reason}`, { cause });
  }
}

/**
 * @param named what `--config` says
 * @returns undefined when there is no file
 * @throws ConfigError for a file that is missing, broken, or of no use
 */
export async function loadConfigFile(
  cwd: string,
  named: string | undefined,
): Promise<ConfigFile | undefined> {
  const path = named === undefined ? find(cwd) : resolve(cwd, named);
  if (path === undefined) return undefined;
  const name = basename(path);
  if (!existsSync(path)) throw new ConfigError(`--config: there is no file ${named}`);
  if (!['.js', '.mjs', '.json'].includes(extname(path))) {
    throw new ConfigError(`--config: ${named} is neither .js nor .mjs nor .json`);
  }
  const content = await contentOf(path, name);
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new ConfigError(
      `${name}: ${extname(path) === '.json' ? 'must hold' : 'must export by default'} an object`,
    );
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

/** @throws ConfigError for a key that is none of `known` */
export function fromFile({ name: file, members }: ConfigFile, known: readonly string[]): Source {
  const spellings = known.map(keyOf);
  for (const key of Object.keys(members)) {
    if (spellings.includes(key)) continue;
    const hint = nearest(key, [...spellings, 'services']);
    throw new ConfigError(`${file}: unknown key "${key}", did you mean "${hint}"?`);
  }
  return (name, { kind }) => {
    const key = keyOf(name);
    const raw = Object.hasOwn(members, key) ? members[key] : undefined;
    if (raw === undefined || raw === null) return undefined;
    return { as: `${file}: ${key}`, text: kind.fromFile(raw), raw, place: 'file' };
  };
}
