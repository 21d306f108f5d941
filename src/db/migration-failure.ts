// Why a migration has failed, as its author wants to read it: file and line, the line itself with a mark
// below the place, and what PostgreSQL advises.
import type pg from 'pg';
import { StartError } from '../errors.js';
import { lineOf, type Migration } from './migration-folder.js';

/** Characters of a line that is shown, before the mark and behind it. */
const SHOWN = 80;

/**
 * @param done how many statements of the file had been carried out: where the server names no position, it
 *   was the next one
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

/** The server counts characters from 1, strings count UTF-16 units from 0. */
function positionOf({ position }: pg.DatabaseError, sql: string): number | undefined {
  if (position === undefined) return undefined;
  let at = 0;
  for (let left = Number(position) - 1; left > 0 && at < sql.length; left--) {
    at += sql.codePointAt(at)! > 0xffff ? 2 : 1;
  }
  return at;
}

function excerpt(content: string, at: number, isMarked: boolean): readonly string[] {
  const begin = Math.max(content.lastIndexOf('\n', at - 1) + 1, at - SHOWN);
  const end = content.indexOf('\n', at);
  const line = content.slice(begin, Math.min(end < 0 ? content.length : end, at + SHOWN)).trimEnd();
  if (!isMarked) return [`    ${line}`];
  return [`    ${line}`, `    ${line.slice(0, at - begin).replaceAll(/[^\t]/g, ' ')}^`];
}
