// What to do next about an import of a name that its module does not export. This is used only when a module
// cannot be loaded: Node.js names the import, but not what the module exports.
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suggestedName } from '../name-suggestion.js';
import { sourceText } from './imports.js';
import { packageFileOf } from './package-file.js';

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
  const from = `from '${specifier}'`;
  if (!isFile)
    return MISSING.test(message) ? nextOf(await ofPackage(specifier), name, from, importer) : undefined;
  const file = pathOf(specifier, importer);
  const text = sourceText(file);
  // Node.js does not always say that a module is in CommonJS.
  if (!MISSING.test(message) || isCommonJs(file, text)) {
    if (ONE_VALUE.test(text))
      return `Its module.exports is one value, which is its default export: write import ${localName(name)} ${from}`;
    // Node.js itself says what to write.
    if (!MISSING.test(message)) return undefined;
    return `Node.js finds no name ${name} in it, which is a CommonJS module: write exports.${name} = ${localName(name)} there`;
  }
  const names = exportedNames(file);
  const isEmpty = names.values.size === 0 && names.types.size === 0;
  if (isEmpty && IN_COMMON_JS.test(text)) return nextForCommonJs(file, text, name);
  return nextOf(names, name, from, undefined);
}

/**
 * @param from the end of a corrected import
 * @param importer of a package: only the declarations of that say which types it has
 */
function nextOf(
  { values, types }: ExportedNames,
  name: string,
  from: string,
  importer: string | undefined,
): string {
  if (types.has(name))
    return name === 'default'
      ? `It is a type, so mark it: import type Default ${from}`
      : `It is a type, so mark it: import { type ${name} } ${from}`;
  const named = [...values].filter((one) => one !== 'default');
  const near = name === 'default' || named.length === 0 ? undefined : suggestedName(name, named);
  if (near !== undefined) return `Did you mean import { ${near} } ${from}?`;
  if (name === 'default' && named.length === 1)
    return `It has no default export, but "${named[0]}": write import { ${named[0]} } ${from}`;
  const shown = named.slice(0, MOST_SHOWN).join(', ') + (named.length > MOST_SHOWN ? ', …' : '');
  const mayBeType = importer?.endsWith('ts') === true && name !== 'default';
  const ofTypes = mayBeType ? `If it is a type: import { type ${name} } ${from}. ` : '';
  if (named.length > 0) return `${ofTypes}It exports ${shown}: correct the name in the braces of the import.`;
  if (values.has('default') && name !== 'default')
    return `It has a default export only: write import ${localName(name)} ${from}`;
  return name === 'default'
    ? 'It exports nothing: add export default in front of what is meant.'
    : `It exports nothing: add export in front of ${name} there.`;
}

/** What to do next about a file in CommonJS that Node.js reads as an ES module. */
function nextForCommonJs(file: string, text: string, name: string): string {
  const write = exportOf(text, name);
  // In CommonJS an import could not stay.
  if (STATIC_IMPORT.test(text))
    return `Node.js reads it as an ES module, in which exports and module.exports have no effect: ${write}.`;
  const isOfType = !/\.m[jt]s$/.test(file) && typeOf(file) === 'module';
  const why = isOfType ? '"type": "module" in package.json' : 'its name';
  return (
    `Node.js reads it as an ES module, because of ${why}, so exports and module.exports have no effect: let its ` +
    `name end with .cjs, or ${write}.`
  );
}

/** The statement of an ES module that takes the place of one with `exports`. */
function exportOf(text: string, name: string): string {
  if (name === 'default') {
    const value = WHOLE_VALUE.exec(text)?.[1];
    return value === undefined
      ? 'add export default in front of what is meant'
      : `write export default ${value} in place of module.exports`;
  }
  const local = [...text.matchAll(ONE_NAME)].find(([, exported]) => exported === name)?.[2];
  if (local === undefined) return `add export in front of ${name} there`;
  return `write export { ${local === name ? name : `${local} as ${name}`} } in place of exports.${name}`;
}

const MISSING =
  /^The requested module '(?<specifier>[^'\n]+)' does not provide an export named '(?<name>[^'\n]+)'/;
/** What Node.js says where it has found out that the module is in CommonJS. */
const MISSING_IN_COMMON_JS =
  /^Named export '(?<name>[^'\n]+)' not found\. The requested module '(?<specifier>[^'\n]+)' is a CommonJS module/;
/** `module.exports = app`, and not an object with names. */
const ONE_VALUE = /\bmodule\.exports\s*=\s*(?![\s{=])/;
const IN_COMMON_JS = /(?:^|[;}])[ \t]*(?:module\.)?exports(?:\.[\w$]+)?\s*=(?!=)/m;
/** `module.exports = app;` and `exports.name = app;` */
const WHOLE_VALUE =
  /(?:^|[;}])[ \t]*(?:exports\s*=\s*)?module\.exports\s*=\s*([A-Za-z_$][\w$]*)[ \t]*(?:;|$)/m;
const ONE_NAME = /(?:^|[;}])[ \t]*(?:module\.)?exports\.([\w$]+)\s*=\s*([A-Za-z_$][\w$]*)[ \t]*(?:;|$)/gm;
const STATIC_IMPORT = /(?:^|[;}])[ \t]*(?:import\b(?!\s*\()|export\s)/m;
/** Names of exports that no variable can have. */
const RESERVED = new Set(
  (
    'await break case catch class const continue debugger default delete do else enum export ' +
    'extends false finally for function if import in instanceof let new null return static ' +
    'super switch this throw true try typeof var void while with yield implements interface ' +
    'package private protected public arguments eval'
  ).split(' '),
);

/** A name for the variable of a default import. */
const localName = (name: string): string =>
  RESERVED.has(name) || !/^[A-Za-z_$][\w$]*$/.test(name) ? 'imported' : name;

/** Whether Node.js reads a file as CommonJS. It takes one without a type for a module if it has imports. */
function isCommonJs(file: string, text: string): boolean {
  const [, kind] = /\.([cm]?)[jt]s$/.exec(file) ?? [];
  if (kind !== '') return kind === 'c';
  const type = typeOf(file);
  return type === 'commonjs' || (type !== 'module' && !STATIC_IMPORT.test(text) && IN_COMMON_JS.test(text));
}

function typeOf(file: string): unknown {
  try {
    return (JSON.parse(sourceText(packageFileOf(file) ?? '')) as { readonly type?: unknown }).type;
  } catch {
    return undefined;
  }
}

const pathOf = (specifier: string, importer: string): string =>
  specifier.startsWith('file:') ? fileURLToPath(specifier) : resolve(dirname(importer), specifier);

/** What an installed package exports. The project that imports it has loaded it, or tried to, already. */
async function ofPackage(specifier: string): Promise<ExportedNames> {
  const exported: object = await import(specifier).catch(() => ({}));
  return { values: new Set(Object.keys(exported)), types: new Set() };
}
