// What to do next about an import that Node.js refuses: the name that is meant, where a file or a package of
// the project has a similar one.
import { builtinModules } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { suggestedName } from '../name-suggestion.js';
import { packageOf, sourceText, type UserImport } from './imports.js';
import { fileAround, isFolder, moduleIn, moduleOf, similarModule, specifierOf } from './near-modules.js';
import { packageFileOf } from './package-file.js';

/** An import; its line does not matter here. */
type Import = Omit<UserImport, 'line'>;

/** Members of package.json that list packages. */
const LISTS = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'];

export const BUILD_IT =
  'build it (npx multilane build), and run the command with --config dist/multilane.config.js';

/** What Node.js says of `import` and `export` in a file that it does not take for a module. */
const ONLY_IN_MODULES = /^(?:Cannot use import statement outside a module|Unexpected token 'export')$/;

/** What Node.js says of an `await` in a function that is not async, or at the top level of CommonJS. */
const ONLY_WHERE_ASYNC = /^await is only valid in async functions/;

/**
 * What to do next about a module that Node.js refuses for what it is; undefined for the default of
 * `projectError`.
 */
export function nextForRefusal({ code, message }: NodeJS.ErrnoException): string | undefined {
  if (/^Unknown file extension "\.[cm]?ts"/.test(message)) {
    const { node } = process.versions;
    return `Node.js ${node} does not run TypeScript: use 22.18 or newer, or ${BUILD_IT}.`;
  }
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX')
    return `Node.js only removes types: write it without this syntax, or ${BUILD_IT}.`;
  if (ONLY_IN_MODULES.test(message))
    return 'Node.js reads it as CommonJS, because of "type" in package.json: write "type": "module" there, or let the name of the file end with .mjs.';
  if (ONLY_WHERE_ASYNC.test(message))
    return 'Write it in an async function. At the top level of CommonJS, export the function or its promise, and await that in multilane.config.mjs.';
  return undefined;
}

/** What to do next about the import because of which Node.js has thrown an error. */
export function nextForImport(error: NodeJS.ErrnoException, found: Import): string | undefined {
  const { specifier, target } = found;
  switch (error.code) {
    case 'ERR_MODULE_NOT_FOUND':
    case 'MODULE_NOT_FOUND':
    case 'ERR_INVALID_MODULE_SPECIFIER':
    case 'ERR_UNSUPPORTED_DIR_IMPORT':
      return target === undefined ? nextForMissingPackage(error, found) : nextForMissingFile(found, target);
    case 'ERR_IMPORT_ATTRIBUTE_MISSING':
    case 'ERR_IMPORT_ASSERTION_TYPE_MISSING': // Node.js 20
      return `Write it with the type of the file: from '${specifier}' with { type: 'json' }`;
    case 'ERR_UNKNOWN_FILE_EXTENSION':
      return (
        nextForRefusal(error) ??
        `It is no module: read the file (readFile of node:fs/promises, new URL('${specifier}', import.meta.url)).`
      );
    case 'ERR_UNSUPPORTED_ESM_URL_SCHEME':
      return 'Node.js loads nothing from there: install the package, or put the file into the project.';
    case 'ERR_UNKNOWN_BUILTIN_MODULE':
      return didYouMean(suggestedName(specifier, builtinModules.map(withNode))) ?? 'Correct the name.';
    case 'ERR_PACKAGE_PATH_NOT_EXPORTED':
      return `Correct the path: only what "exports" in the package.json of ${packageOf(specifier)} lists can be imported.`;
    case 'ERR_PACKAGE_IMPORT_NOT_DEFINED':
      return `Correct the name, or add "${specifier}" to "imports" in package.json.`;
    default:
      return nextForRefusal(error);
  }
}

/** What to do next about an import in an installed package. */
export function nextForPackage({ message }: NodeJS.ErrnoException, installed: string): string {
  const missing = /^Cannot find (?:package|module) '([^./'\n][^'\n]*)'/.exec(message)?.[1];
  return missing === undefined
    ? `The installed ${installed} cannot be loaded: install it again (npm install ${installed}).`
    : `The package ${installed} needs it: npm install ${packageOf(missing)}`;
}

const withNode = (name: string): string => (name.startsWith('node:') ? name : `node:${name}`);

const didYouMean = (name: string | undefined): string | undefined => name && `Did you mean '${name}'?`;

function nextForMissingFile({ importer, specifier }: Import, target: string): string {
  const folder = dirname(importer);
  const named = moduleOf(target);
  if (named !== undefined)
    return `An import names the whole file: did you mean '${specifierOf(folder, named)}'?`;
  if (isFolder(target)) {
    const inside = moduleIn(target, importer);
    const example = inside === undefined ? '' : `, such as '${specifierOf(folder, inside)}'`;
    return `It is a folder, and an import names a file: name one in it${example}.`;
  }
  const meant =
    similarModule(target) ?? fileAround(folder, specifier) ?? fileAround(folder, basename(specifier));
  return didYouMean(meant && specifierOf(folder, meant)) ?? 'Correct the path.';
}

function nextForMissingPackage({ message }: NodeJS.ErrnoException, { importer, specifier }: Import): string {
  const name = packageOf(specifier);
  if (message.includes(`${join('/node_modules', name)}/`))
    return `Correct the path, or install ${name} again (npm install ${name}).`;
  const file = fileAround(dirname(importer), specifier);
  const { listed, own } = packagesAround(importer);
  const isListed = listed.includes(name);
  if (file !== undefined && !isListed)
    return `The path of a file begins with ./ or ../: did you mean '${specifierOf(dirname(importer), file)}'?`;
  if (specifier.startsWith('#')) return `Correct what "imports" in package.json says about "${specifier}".`;
  if (/^[@~]?\//.test(specifier))
    return 'Correct the path: Node.js does not read "paths" of tsconfig.json; a path begins with ./ or ../';
  if (isListed) return 'It is in package.json, but not installed: run npm install.';
  const near = suggestedName(name, [...listed, ...own]);
  if (near === undefined) return `Install it (npm install ${name}), or correct the import.`;
  return `Did you mean '${near}${specifier.slice(name.length)}'? Otherwise install it (npm install ${name}).`;
}

/** The names of the packages that the package.json of a file lists, and its own. */
function packagesAround(file: string): {
  readonly listed: readonly string[];
  readonly own: readonly string[];
} {
  try {
    const manifest = JSON.parse(sourceText(packageFileOf(file) ?? '')) as Record<string, unknown>;
    const listed = LISTS.flatMap((list) => Object.keys(Object(manifest[list])));
    return { listed, own: typeof manifest.name === 'string' ? [manifest.name] : [] };
  } catch {
    return { listed: [], own: [] };
  }
}
