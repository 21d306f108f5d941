// The files of migrations that are generated: their number, their SQL, and what the earlier files have.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readMigrationScript } from '../../db/migration-script.js';
import { isMigration } from '../migration-name.js';

/** Words that name a table or a column only in double quotes (documentation of PostgreSQL, appendix C). */
const RESERVED: ReadonlySet<string> = new Set(
  (
    'all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate ' +
    'collation column concurrently constraint create cross current_catalog current_date current_role ' +
    'current_schema current_time current_timestamp current_user default deferrable desc distinct do else end ' +
    'except false fetch for foreign freeze from full grant group having ilike in initially inner intersect ' +
    'into is isnull join lateral leading left like limit localtime localtimestamp natural not notnull null ' +
    'offset on only or order outer overlaps placing primary references returning right select session_user ' +
    'similar some symmetric system_user table tablesample then to trailing true union unique user using ' +
    'variadic verbose when where window with'
  ).split(' '),
);

const sqlName = (name: string): string => (RESERVED.has(name) || !/^[a-z_]/.test(name) ? `"${name}"` : name);

type Change =
  | { readonly kind: 'create'; readonly table: string }
  | { readonly kind: 'add'; readonly table: string; readonly column: string }
  | { readonly kind: 'other' };

/** What a name asks for: `create_notes`, `add_price_to_items`, or something else. */
function changeOf(what: string): Change {
  const [, created] = /^create_(\w+)$/.exec(what) ?? [];
  if (created !== undefined) return { kind: 'create', table: created };
  const [, column, table] = /^add_(\w+)_to_(\w+)$/.exec(what) ?? [];
  return column === undefined ? { kind: 'other' } : { kind: 'add', table: table!, column };
}

/** The SQL for `create_notes` and `add_price_to_items`; other names get a file without a statement. */
export function migrationText(what: string): string {
  const change = changeOf(what);
  if (change.kind === 'create') {
    return `-- Up Migration
create table ${sqlName(change.table)} (
  id bigint generated always as identity primary key,
  created_at timestamptz not null default now()
);
`;
  }
  if (change.kind === 'other') return '-- Up Migration\n-- Write the statements here.\n';
  const { table, column } = change;
  return `-- Up Migration\nalter table ${sqlName(table)} add column ${sqlName(column)} text;\n`;
}

export const hasStatement = (sql: string): boolean => sql.includes(';');

const filesIn = (folder: string): readonly string[] =>
  existsSync(folder) ? readdirSync(folder).filter(isMigration).sort() : [];

/** The number after the highest one, with as many digits: `0003`. */
export function nextNumber(folder: string): string {
  const numbers = filesIn(folder).map((name) => /^\d+/.exec(name)![0]);
  const next = numbers.map(BigInt).reduce((most, one) => (one > most ? one : most), 0n) + 1n;
  const digits = Math.max(0, ...numbers.map(({ length }) => length)) || 4;
  return String(next).padStart(digits, '0');
}

/**
 * Why the statement of a new migration would fail after those of the folder, as far as their text shows it:
 * the table or the column exists, or no migration creates the table.
 */
export function conflictOf(folder: string, what: string): string | undefined {
  const change = changeOf(what);
  if (change.kind === 'other') return undefined;
  const { table } = change;
  let tableFile: string | undefined;
  let columnFile: string | undefined;
  for (const file of filesIn(folder)) {
    for (const { text: statement } of readMigrationScript(readFileSync(join(folder, file), 'utf8'))
      .statements) {
      if (isStatementOf('drop', table, statement)) tableFile = undefined;
      if (isStatementOf('create', table, statement) || renamesTo(table, statement)) tableFile = file;
      if (change.kind === 'add' && hasWord(statement, table) && hasWord(statement, change.column))
        columnFile = /\b(?:drop|rename)\s/i.test(statement) ? undefined : file;
    }
  }
  if (change.kind === 'create') return tableFile && `${tableFile} creates the table ${table} already`;
  if (tableFile === undefined) return `no migration of the service creates the table ${table}`;
  return columnFile && `${columnFile} has a column ${change.column} of the table ${table} already`;
}

const hasWord = (text: string, word: string): boolean => new RegExp(`\\b${word}\\b`, 'i').test(text);

const isStatementOf = (verb: 'create' | 'drop', table: string, statement: string): boolean =>
  new RegExp(
    `\\b${verb}\\s+(?:unlogged\\s+)?table\\s+(?:if\\s+(?:not\\s+)?exists\\s+)?(?:\\w+\\.)?"?${table}\\b`,
    'i',
  ).test(statement);

const renamesTo = (table: string, statement: string): boolean =>
  new RegExp(`\\brename\\s+to\\s+"?${table}\\b`, 'i').test(statement);
