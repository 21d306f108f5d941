// What the project in a folder looks like, as far as generated code has to fit into it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';
import { configFileOf } from '../../config/config-file.js';
import { ConfigError } from '../../errors.js';
import { suggestedName } from '../../name-suggestion.js';
import { sourceFile } from '../../source-file.js';
import { WrongUsage } from '../command-failure.js';
import { camelCase, checkName } from './names.js';
import { declaresGet, definedNames, exportedService } from './source-edit.js';

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
  /** Whether the service is the default export of its module. */
  readonly isDefaultExport: boolean;
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
  const source = sourceFile(path);
  if (source !== path) {
    throw new ConfigError(
      `--config: ${relative(cwd, path)} is of a build, which the next one replaces: name ${relative(cwd, source)}, or leave the option out`,
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
 * The service of a name, in a folder of that name or in another one.
 * @throws WrongUsage for what cannot be the name of a service, such as a path, and when the project has no
 *   such service, naming those that it has
 */
export function existingService(shape: ProjectShape, name: string): ExistingService {
  checkName('service', name);
  const { root, servicesFolder, language } = shape;
  const modules = serviceModules(shape);
  const folder = join(servicesFolder, name);
  const found = modules.find((one) => one.name === name) ?? modules.find((one) => one.folder === folder);
  if (found !== undefined) {
    const text = readFileSync(join(root, found.module), 'utf8');
    const exported = exportedService(text);
    const isDefaultExport = exported === undefined && /^export\s+default\b/m.test(text);
    return { ...found, text, identifier: exported ?? camelCase(found.name), isDefaultExport };
  }
  const known = modules.map((one) => one.name);
  const hint = known.length === 0 ? undefined : suggestedName(name, known);
  const project = relative(process.cwd(), root) || 'this project';
  const which =
    hint === undefined ? `${project} has ${known.join(', ') || 'no services'}` : `did you mean ${hint}?`;
  throw new WrongUsage(`--service ${name}: there is no ${folder}/service.${language}; ${which}`);
}

export type ServiceModule = Pick<ExistingService, 'name' | 'folder' | 'module'>;

/** The services that have a folder of their own, whether they are in the configuration or not. */
export function serviceModules({ root, servicesFolder, language }: ProjectShape): readonly ServiceModule[] {
  const files = [language, 'js', 'mjs', 'ts'].flatMap((ending) => [`service.${ending}`, `index.${ending}`]);
  return foldersIn(join(root, servicesFolder)).flatMap((folderName) => {
    const folder = join(servicesFolder, folderName);
    const file = files.find((one) => existsSync(join(root, folder, one)));
    if (file === undefined) return [];
    const module = join(folder, file);
    const names = definedNames(readFileSync(join(root, module), 'utf8'), 'defineService');
    return (names.length === 0 ? [folderName] : names).map((name) => ({ name, folder, module }));
  });
}

function foldersIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

/**
 * The source files of a folder whose text defines a saga of a name, or declares `GET` of a path.
 * @returns paths relative to the root of the project
 */
export function filesNaming(
  { root }: ProjectShape,
  folder: string,
  kind: 'saga' | 'route',
  name: string,
): readonly string[] {
  return sourceFilesIn(root, folder).filter((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    return kind === 'saga' ? definedNames(text, 'defineSaga').includes(name) : declaresGet(text, name);
  });
}

/** Links and packages are not followed: they may lead out of the project. */
function sourceFilesIn(root: string, folder: string): readonly string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : sourceFilesIn(root, path);
    return entry.isFile() && /\.[cm]?[jt]s$/.test(entry.name) ? [path] : [];
  });
}

/** The specifier by which one file of the project imports another. Both are relative to its root. */
export function specifier(shape: ProjectShape, from: string, to: string): string {
  const path = relative(dirname(from), to).replace(/\.[mt]?[jt]s$/, shape.importEnding);
  return path.startsWith('.') ? path : `./${path}`;
}
