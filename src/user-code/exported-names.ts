// What to do next about an import of a name that its module does not export. This is used only when a module
// cannot be loaded: Node.js names the import, but not what the module exports.
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suggestedName } from '../name-suggestion.js';
import { sourceText } from './imports.js';

interface ExportedNames {
  readonly values: Set<string>;
  readonly types: Set<string>;
}

/** `export const name`, `export default async function` …; types begin with `interface` or `type`. */
const DECLARATION =
  /^\s*export\s+(?:declare\s+)?(?:(default)\b|(?:abstract\s+|async\s+)?(const|let|var|class|function\*?|enum|interface|type)\s+([\w$]+))/gm;
/** `export { a, b as c, type D }` and `export type { D }`. */
const LIST = /^\s*export\s+(type\s+)?\{([^}]*)\}/gm;
const ALL_OF = /^\s*export\s*\*\s*from\s*(['"])(\.[^'"\n]+)\1/gm;
/** The most files that `export * from` may lead through. */
const MOST_FILES = 50;
/** The most names of one message. */
const MOST_SHOWN = 8;

/** Finds the exports of a module and of those that it exports with `*`. A missing file has none. */
function exportedNames(file: string): ExportedNames {
  const names: ExportedNames = { values: new Set(), types: new Set() };
  const files = new Set([file]);
  for (const one of files) {
    const text = sourceText(one);
    for (const [, isDefault, kind = '', name = 'default'] of text.matchAll(DECLARATION)) {
      if (isDefault !== undefined && one !== file) continue;
      (kind === 'type' || kind === 'interface' ? names.types : names.values).add(name);
    }
    for (const [, ofTypes, list = ''] of text.matchAll(LIST)) addListed(names, list, ofTypes !== undefined);
    for (const { 2: from = '' } of text.matchAll(ALL_OF))
      if (files.size < MOST_FILES) files.add(resolve(dirname(one), from));
  }
  return names;
}

function addListed({ values, types }: ExportedNames, list: string, areTypes: boolean): void {
  for (const item of list.split(',')) {
    const [, ofType, name] = /^\s*(type\s+)?(?:[\w$]+\s+as\s+)?([\w$]+)\s*$/.exec(item) ?? [];
    if (name !== undefined) (areTypes || ofType !== undefined ? types : values).add(name);
  }
}

/**
 * @param message of the SyntaxError
 * @param importer the file with the import
 * @returns undefined for another error
 */
export async function nextForMissingExport(message: string, importer: string): Promise<string | undefined> {
  const { specifier, name } = (MISSING.exec(message) ?? MISSING_IN_COMMON_JS.exec(message))?.groups ?? {};
  if (specifier === undefined || name === undefined) return undefined;
  const isFile = /^(?:\.{0,2}\/|file:)/.test(specifier);
  if (isFile && ONE_VALUE.test(sourceText(pathOf(specifier, importer))))
    return `Its module.exports is one value, which is its default export: write import ${name} from '${specifier}'`;
  // Node.js itself says what to write.
  if (!MISSING.test(message)) return undefined;
  const { values, types } = isFile ? exportedNames(pathOf(specifier, importer)) : await ofPackage(specifier);
  const from = `from '${specifier}'`;
  if (types.has(name)) return `It is a type, so mark it: import { type ${name} } ${from}`;
  const named = [...values].filter((one) => one !== 'default');
  const near = name === 'default' || named.length === 0 ? undefined : suggestedName(name, named);
  if (near !== undefined) return `Did you mean import { ${near} } ${from}?`;
  if (name === 'default' && named.length === 1)
    return `It has no default export, but "${named[0]}": write import { ${named[0]} } ${from}`;
  const shown = named.slice(0, MOST_SHOWN).join(', ') + (named.length > MOST_SHOWN ? ', …' : '');
  // Only the declarations of a package say which types it has.
  const ofTypes =
    isFile || !importer.endsWith('ts') ? '' : `If it is a type: import { type ${name} } ${from}. `;
  if (named.length > 0) return `${ofTypes}It exports ${shown}: correct the name in the braces of the import.`;
  if (values.has('default') && name !== 'default')
    return `It has a default export only: write import ${name} ${from}`;
  return name === 'default'
    ? 'It exports nothing: add export default in front of what is meant.'
    : `It exports nothing: add export in front of ${name} there.`;
}

const MISSING =
  /^The requested module '(?<specifier>[^'\n]+)' does not provide an export named '(?<name>[^'\n]+)'/;
/** What Node.js says where it has found out that the module is in CommonJS. */
const MISSING_IN_COMMON_JS =
  /^Named export '(?<name>[^'\n]+)' not found\. The requested module '(?<specifier>[^'\n]+)' is a CommonJS module/;
/** `module.exports = app`, and not an object with names. */
const ONE_VALUE = /\bmodule\.exports\s*=\s*(?![\s{=])/;

const pathOf = (specifier: string, importer: string): string =>
  specifier.startsWith('file:') ? fileURLToPath(specifier) : resolve(dirname(importer), specifier);

/** What an installed package exports. The project that imports it has loaded it, or tried to, already. */
async function ofPackage(specifier: string): Promise<ExportedNames> {
  const exported: object = await import(specifier).catch(() => ({}));
  return { values: new Set(Object.keys(exported)), types: new Set() };
}
