// The error of a migration that has failed, for its author: file and line, the line itself with a mark below
// the position, and PostgreSQL's advice.
import type pg from 'pg';
import { StartError } from '../errors.js';
import { lineOf, type Migration } from './migration-folder.js';

/** Number of characters of the line that are shown before and after the position. */
const SHOWN_CHARACTERS = 80;

/**
 * @param done number of statements of the file that had been carried out. If the server gives no position,
 *   the one after them has failed
 */
export function migrationFailure(
  service: string,
  migration: Migration,
  error: pg.DatabaseError,
  done: number,
): StartError {
  const { file, content, start, statements } = migration;
  const marked = positionOf(error, content.slice(start));
  const at = marked === undefined ? statements[done]?.start : start + marked;
  const state = error.code === undefined ? '' : ` (SQLSTATE ${error.code})`;
  const lines = [
    `${at === undefined ? file : `${file}:${lineOf(content, at)}`}: ${error.message}${state}`,
    ...(at === undefined ? [] : excerpt(content, at, marked !== undefined)),
    ...(error.hint === undefined ? [] : [`  hint: ${error.hint}`]),
    ...(error.where === undefined ? [] : [`  in ${error.where.split('\n')[0]}`]),
    `  while migrating the database of "${service}"; all that was pending is rolled back. Correct the file and start again.`,
  ];
  return new StartError(lines.join('\n'), { cause: error });
}

/**
 * Offset of the error in the SQL. The server counts characters from 1, a string counts UTF-16 units from 0.
 */
function positionOf({ position }: pg.DatabaseError, sql: string): number | undefined {
  if (position === undefined) return undefined;
  let at = 0;
  for (let left = Number(position) - 1; left > 0 && at < sql.length; left--) {
    at += sql.codePointAt(at)! > 0xffff ? 2 : 1;
  }
  return at;
}

function excerpt(content: string, at: number, isMarked: boolean): readonly string[] {
  const begin = Math.max(content.lastIndexOf('\n', at - 1) + 1, at - SHOWN_CHARACTERS);
  const end = content.indexOf('\n', at);
  const line = content
    .slice(begin, Math.min(end < 0 ? content.length : end, at + SHOWN_CHARACTERS))
    .trimEnd();
  if (!isMarked) return [`    ${line}`];
  return [`    ${line}`, `    ${line.slice(0, at - begin).replaceAll(/[^\t]/g, ' ')}^`];
}
