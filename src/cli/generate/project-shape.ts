// What the project in a folder looks like, as far as generated code has to fit into it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';
import { configFileOf } from '../../config/config-file.js';
import { ConfigError } from '../../errors.js';
import { suggestedName } from '../../name-suggestion.js';
import { WrongUsage } from '../command-failure.js';
import { checkName } from './names.js';
import { exportedService } from './source-edit.js';

export interface ProjectShape {
  /** The folder of the configuration file. */
  readonly root: string;
  /** Path of the configuration file. */
  readonly config: string;
  readonly language: 'ts' | 'js';
  /** How imports name a module of the project: `.ts` where Node.js loads it as it is. */
  readonly importEnding: '.ts' | '.js' | '.mjs';
  /** The folder with one folder for each service, relative to `root`. */
  readonly servicesFolder: string;
}

export interface ExistingService {
  readonly name: string;
  /** Its folder, relative to the root of the project. */
  readonly folder: string;
  /** Its module, relative to the root of the project. */
  readonly module: string;
  readonly text: string;
  /** The variable that it exports. */
  readonly identifier: string;
}

/** @throws ConfigError when there is no project here, or its configuration can have no services */
export function shapeOfProject(cwd: string, config: string | undefined): ProjectShape {
  const path = configFileOf(cwd, { config, demo: false })!;
  const ending = extname(path);
  if (ending === '.json') {
    throw new ConfigError(
      `${basename(path)} can have no services, because services are code: write a multilane.config.js first`,
    );
  }
  const root = dirname(path);
  const servicesFolder =
    ['services', 'src/services'].find((name) => existsSync(join(root, name))) ?? 'services';
  const language = ending === '.ts' ? 'ts' : 'js';
  const [, named] = /\bfrom\s+['"]\.{1,2}\/[^'"]*(\.[mt]?[jt]s)['"]/.exec(readFileSync(path, 'utf8')) ?? [];
  const importEnding = language === 'js' ? '.js' : named === '.js' ? '.js' : '.ts';
  return { root, config: path, language, importEnding, servicesFolder };
}

/**
 * @throws WrongUsage for what cannot be the name of a service, such as a path, and when the project has no
 *   folder for that service, naming those that it has
 */
export function existingService(
  { root, servicesFolder, language }: ProjectShape,
  name: string,
): ExistingService {
  checkName('service', name);
  const folder = join(servicesFolder, name);
  const names = [language, 'js', 'mjs', 'ts'].flatMap((ending) => [`service.${ending}`, `index.${ending}`]);
  const file = names.find((one) => existsSync(join(root, folder, one)));
  if (file === undefined) {
    const known = servicesIn(join(root, servicesFolder));
    const hint = known.length === 0 ? undefined : suggestedName(name, known);
    const project = relative(process.cwd(), root) || 'this project';
    const which =
      hint === undefined ? `${project} has ${known.join(', ') || 'no services'}` : `did you mean ${hint}?`;
    throw new WrongUsage(`--service ${name}: there is no ${folder}/service.${language}; ${which}`);
  }
  const module = join(folder, file);
  const text = readFileSync(join(root, module), 'utf8');
  return { name, folder, module, text, identifier: exportedService(text) ?? name };
}

function servicesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

/** The specifier by which one file of the project imports another. Both are relative to its root. */
export function specifier(shape: ProjectShape, from: string, to: string): string {
  const path = relative(dirname(from), to).replace(/\.[mt]?[jt]s$/, shape.importEnding);
  return path.startsWith('.') ? path : `./${path}`;
}
