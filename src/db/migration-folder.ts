// Reads a folder of migrations and checks it: names, numbers, encoding and SQL. All mistakes are reported at
// once, before anything runs, each with file, line and what to do.

import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorMessage } from '../error-text.js';
import { ConfigError } from '../errors.js';
import { missingFile, sourceFile } from '../source-file.js';
import { readMigrationScript } from './migration-script.js';
import type { SqlStatement } from './sql-text.js';

/**
 * A folder of migrations. Those that have been run are recorded in the table `multilane.migrations_<name>`.
 */
export interface MigrationSet {
  readonly name: string;
  readonly folder: URL;
}

export interface Migration {
  /** Name of its file without `.sql`, by which the database records it. */
  readonly name: string;
  /** Number at the beginning of the name, which gives the order. */
  readonly number: bigint;
  /** Path of its file; relative if it is below the working directory. */
  readonly file: string;
  /** Content of the file, without a byte order mark. */
  readonly content: string;
  /** Beginning and end of the part of the content that is run. */
  readonly start: number;
  readonly end: number;
  readonly statements: readonly SqlStatement[];
}

/** Names of files that are run. A quote would end the name in the statement that records it. */
const NAME = /^(\d{1,17})(?!\d)[^']*\.sql$/;
/** Names of files that look like migrations; all others are ignored. */
const LOOKS_LIKE_ONE = /\.sql$|^\d.*\.[cm]?[jt]s$/i;
const BY_LINE = new Intl.Collator('en', { numeric: true });

/** The folder of a set of migrations cannot be read. */
export class MissingFolderError extends ConfigError {
  /** @param folder absolute path, without a slash at its end */
  constructor(
    message: string,
    readonly folder: string,
  ) {
    super(message);
  }
}

/**
 * @returns the migrations in order
 * @throws MissingFolderError, and ConfigError with all mistakes of the folder, one in each line
 */
export async function readMigrations(service: string, set: MigrationSet): Promise<readonly Migration[]> {
  const folder = fileURLToPath(set.folder).replace(/\/$/, '');
  const names = await namesIn(service, folder);
  const faults = nameFaults(set, folder, names);
  if (names.length === 0) {
    faults.push(
      `${shownPath(sourceFile(folder))}: holds no migrations: add 0001_what.sql, or remove \`migrations\` from "${service}"`,
    );
  }
  const numbered = names.filter((name) => NAME.test(name));
  const migrations = await Promise.all(numbered.map((name) => readMigration(folder, name, faults)));
  if (faults.length > 0) throw new ConfigError(faults.sort(BY_LINE.compare).join('\n  '));
  return migrations.flat().sort((a, b) => (a.number < b.number ? -1 : 1));
}

async function namesIn(service: string, folder: string): Promise<readonly string[]> {
  try {
    const files = await readdir(folder);
    return files.filter((name) => !name.startsWith('.') && LOOKS_LIKE_ONE.test(name)).sort();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'is not there' : code === 'ENOTDIR' ? 'is no folder' : message;
    throw new MissingFolderError(
      `the folder of the migrations of "${service}", ${shownPath(missingFile(folder))}, ${why}: create it with a file ` +
        "0001_what.sql in it, or correct `migrations`, e.g. new URL('./migrations/', import.meta.url)",
      folder,
    );
  }
}

function nameFaults({ name: set }: MigrationSet, folder: string, names: readonly string[]): string[] {
  const faults: string[] = [];
  const seen = new Map<bigint, string>();
  for (const name of names) {
    const fault = (what: string): unknown =>
      faults.push(`${shownPath(sourceFile(join(folder, name)))}: ${what}`);
    const stem = name.slice(0, name.lastIndexOf('.'));
    const number = NAME.exec(name)?.[1];
    if (number !== undefined) {
      const first = seen.get(BigInt(number));
      const free = nextName(names, stem);
      if (first === undefined) seen.set(BigInt(number), name);
      else fault(`has the number of ${first}: rename it ${free}.sql${renamed(set, stem, free)}`);
    } else if (!/\.sql$/i.test(name)) fault('is not run: a migration is a file of SQL, e.g. 0001_what.sql');
    else if (!name.endsWith('.sql')) fault(`is not run: rename it ${stem}.sql`);
    else if (name.includes("'")) fault('its name may not have a quote: rename it');
    else {
      const better = `0001_${stem.replace(/^\d+_?/, '')}`;
      fault(
        `its name must begin with a number of 1 to 17 digits: rename it, e.g. ${better}.sql${renamed(set, stem, better)}`,
      );
    }
  }
  return faults;
}

/** The name with a number that is higher than all others. */
function nextName(names: readonly string[], stem: string): string {
  const numbers = names.flatMap((name) => NAME.exec(name)?.[1] ?? []);
  const next = numbers.map(BigInt).reduce((most, one) => (one > most ? one : most), 0n) + 1n;
  const digits = /^\d+/.exec(stem)![0].length;
  return String(next).padStart(digits, '0') + stem.slice(digits);
}

const renamed = (set: string, from: string, to: string): string =>
  `; where it is applied already, also: ${renaming(set, from, to)}`;

/** SQL that renames a migration in a database in which it has been run. */
export const renaming = (set: string, from: string, to: string): string =>
  `update multilane.migrations_${set} set name = '${to}' where name = '${from}'`;

async function readMigration(folder: string, name: string, faults: string[]): Promise<readonly Migration[]> {
  const path = join(folder, name);
  const file = shownPath(sourceFile(path));
  let content: string;
  try {
    // The decoder drops a byte order mark.
    content = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    const isText = !(error instanceof TypeError);
    const why = isText ? errorMessage(error) : 'is not text in UTF-8: save it in that encoding';
    faults.push(`${file}: ${why}`);
    return [];
  }
  const { faults: found, ...script } = readMigrationScript(content);
  for (const { at, what } of found) faults.push(`${file}:${lineOf(content, at)}: ${what}`);
  const number = BigInt(NAME.exec(name)![1]!);
  return [{ name: name.slice(0, -'.sql'.length), number, file, content, ...script }];
}

/** Number of the line at an offset; the first line is 1. */
export const lineOf = (content: string, at: number): number => content.slice(0, at).split('\n').length;

function shownPath(path: string): string {
  const below = relative(process.cwd(), path);
  return below === '' || below.startsWith('..') ? path : below;
}
