// Finds the imports of the modules of a project in the text of their files, and the module that has a syntax
// error. This is used only when a module cannot be loaded: Node.js does not report which file has a syntax
// error, nor which line imports a file that does not exist.
import { spawn } from 'node:child_process';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { sourceFile, typescriptNames } from '../source-file.js';

export interface UserImport {
  /** Absolute path of the file with the import. */
  readonly importer: string;
  readonly line: number;
  readonly specifier: string;
  /** Absolute path of the imported file, which need not exist; undefined for a package. */
  readonly target: string | undefined;
}

export interface SyntaxFault {
  readonly file: string;
  readonly line: number;
  /** The line with the error and, below it, a mark; empty when the error is at the end of the file. */
  readonly excerpt: readonly string[];
}

/** Finds `from '…'`, `import '…'`, `import('…')` and `require('…')`, also over several lines. */
const SPECIFIER = /(?:\bfrom|\bimport|\brequire)\s*\(?\s*(['"`])([^'"`$\n]+)\1/g;
/** Comments that begin at the beginning of a line. */
const BLOCK_COMMENT = /^[ \t]*\/\*[\s\S]*?\*\//gm;
/** The most files that are searched. Larger projects are not searched completely. */
const MOST_FILES = 500;

/**
 * Yields the imports of `entry` and of the files that it imports, nearest first. Packages are not entered.
 */
export function* importsFrom(entry: string): Generator<UserImport> {
  const files = new Set([entry]);
  for (const importer of files) {
    for (const found of importsIn(importer)) {
      yield found;
      if (found.target !== undefined && files.size < MOST_FILES) files.add(writtenFile(found.target));
    }
  }
}

/** Yields the imports of one file, in their order. */
export function* importsIn(importer: string): Generator<UserImport> {
  const text = moduleText(importer).replaceAll(BLOCK_COMMENT, (comment) => comment.replaceAll(/[^\n]/g, ' '));
  for (const { 0: found, 2: specifier = '', index } of text.matchAll(SPECIFIER)) {
    if (text.slice(text.lastIndexOf('\n', index) + 1, index).includes('//')) continue;
    const line = text.slice(0, index + found.length).split('\n').length;
    yield { importer, line, specifier, target: targetOf(specifier, importer) };
  }
}

/** The file of an import in a source, which may have the name that the file is compiled to. */
const writtenFile = (target: string): string =>
  [target, ...typescriptNames(target)].find((one) => existsSync(one)) ?? target;

/** The name of the package that a specifier begins with. */
export const packageOf = (specifier: string): string =>
  /^(?:@[^/]*\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;

/** The lines of a module; none for a file that is no module or does not exist. */
export function linesOf(file: string): readonly string[] {
  const text = moduleText(file);
  return text === '' ? [] : text.split('\n');
}

const moduleText = (file: string): string => (/^\.[cm]?[jt]sx?$/.test(extname(file)) ? sourceText(file) : '');

/** The text of a file of a project; empty for one that does not exist, which the caller reports. */
export function sourceText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function targetOf(specifier: string, importer: string): string | undefined {
  if (/^(?:\.{0,2}\/|\.{1,2}$)/.test(specifier)) return resolve(dirname(importer), specifier);
  try {
    if (specifier.startsWith('file:')) return fileURLToPath(specifier);
    return specifier.startsWith('#') ? sourceFile(createRequire(importer).resolve(specifier)) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Finds the module that does not compile, by having Node.js check each one without running it.
 * @param message the message of the SyntaxError; faults with other messages are skipped
 */
export async function findSyntaxFault(entry: string, message: string): Promise<SyntaxFault | undefined> {
  const files = new Set([entry]);
  for (const { target } of importsFrom(entry)) if (target !== undefined) files.add(target);
  for (const file of files) {
    if (!/^\.m?[jt]s$/.test(extname(file))) continue;
    const fault = parseSyntaxFault(await checkOf(file), message);
    if (fault !== undefined) return { ...fault, file };
  }
  return undefined;
}

/**
 * Runs `node --check` and returns its stderr. The file comes from stdin, so Node.js checks it as an
 * ECMAScript module, as `import` does, whatever its name is.
 */
async function checkOf(file: string): Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '--check'], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  // When the file cannot be read, or the pipe fails, the module counts as one without a fault.
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  sourceOf(file)
    .on('error', () => child.stdin.end())
    .pipe(child.stdin);
  return text(child.stderr);
}

/** Prints a file of TypeScript as Node.js compiles it: without its types, in the same lines and columns. */
const STRIP = `
  const { stripTypeScriptTypes } = require('node:module');
  process.stdout.write(stripTypeScriptTypes(require('node:fs').readFileSync(process.argv[1], 'utf8')));`;

/** The text that Node.js compiles. A process of its own strips types, which prints a warning in this one. */
function sourceOf(file: string): Readable {
  if (!extname(file).endsWith('ts')) return createReadStream(file);
  const stripping = spawn(process.execPath, ['--no-warnings', '-e', STRIP, file], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  stripping.on('error', () => {});
  return stripping.stdout;
}

/**
 * Parses the first lines of the stack of a SyntaxError, or of the output of `node --check`: file and line,
 * then the source line with a mark below it, then the error.
 * @returns undefined when they are not of that form
 */
export function parseSyntaxFault(stack: string, message: string): SyntaxFault | undefined {
  const [head = '', ...lines] = stack.split('\n');
  const [, where, line] = /^(\S.*):(\d+)$/.exec(head) ?? [];
  const errorAt = lines.findIndex((text) => text.includes(`: ${message.split('\n')[0]}`));
  if (where === undefined || errorAt < 1) return undefined;
  const mark = lines.findIndex((text, index) => index < errorAt && /^\s*\^+\s*$/.test(text));
  const isAtEnd = lines.slice(0, errorAt).every((text) => text.trim() === '');
  if (mark < 1 && !isAtEnd) return undefined;
  const file = where.startsWith('file:') ? fileURLToPath(where) : where;
  return { file, line: Number(line), excerpt: isAtEnd ? [] : lines.slice(mark - 1, mark + 1) };
}
