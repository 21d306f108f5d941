// Finds the part of a migration's file that is run, and what in it would not do what its author expects.
// node-pg-migrate reads the markers `-- Up Migration` and `-- Down Migration` without such checks: with the
// second one alone it would run both parts of the file.
import { readScript, type SqlStatement } from './sql-text.js';

export interface ScriptFault {
  /** Offset in the script. */
  readonly at: number;
  /** What is wrong, and what to do. */
  readonly what: string;
}

export interface MigrationScript {
  /** Beginning and end of the part that is run. */
  readonly start: number;
  readonly end: number;
  /** Statements of that part; their offsets are those in the whole script. */
  readonly statements: readonly SqlStatement[];
  readonly faults: readonly ScriptFault[];
}

const MARKER = /^--[\s-]*(up|down)\s+migration/i;
const ENDS_TRANSACTION = /^(?:begin|start|commit|end|abort|prepare\s+transaction)\b/i;
const ROLLBACK = /^rollback\b(?!.*\bto\b)/is;
const CONCURRENT_INDEX = /^(?:create\s+(?:unique\s+)?|drop\s+|re)index\b.*?\bconcurrently\b/is;
const OUTSIDE_ONLY =
  /^(?:vacuum|alter\s+system|(?:create|drop)\s+(?:database|tablespace)|alter\s+database\s+\S+\s+set\s+tablespace)\b/i;

export function readMigrationScript(script: string): MigrationScript {
  const { statements, comments } = readScript(script);
  const markers = comments.flatMap(({ start, text }) => {
    const direction = startsLine(script, start) ? MARKER.exec(text)?.[1]?.toLowerCase() : undefined;
    return direction === undefined ? [] : [{ direction, at: start }];
  });
  const [up, secondUp] = markers.filter(({ direction }) => direction === 'up');
  const [down, secondDown] = markers.filter(({ direction }) => direction === 'down');
  const start = up?.at ?? 0;
  const end = down === undefined || down.at < start ? script.length : down.at;
  const run = statements.filter((one) => one.start >= start && one.start < end);
  const faults: ScriptFault[] = [];
  const second = secondUp ?? secondDown;
  if (second !== undefined) {
    faults.push({
      at: second.at,
      what: 'a second marker of this kind: keep one, what is behind it is not read',
    });
  }
  if (up === undefined && down !== undefined) {
    const what = '"-- Down Migration" without "-- Up Migration": write that one above the statements to run';
    faults.push({ at: down.at, what });
  }
  const above = statements.find((one) => one.start < start && one.start < (down?.at ?? start));
  if (above !== undefined) {
    const what = 'stands above "-- Up Migration" and would not run: move it below';
    faults.push({ at: above.start, what });
  }
  if (run.length === 0) {
    const what = 'has no statement to run: write one, or remove the file; later changes of it would not run';
    faults.push({ at: start, what });
  }
  for (const statement of run) {
    const what = refusal(statement.text);
    if (what !== undefined) faults.push({ at: statement.start, what });
  }
  return { start, end, statements: run, faults };
}

const startsLine = (script: string, at: number): boolean =>
  script.slice(script.lastIndexOf('\n', at - 1) + 1, at).trim() === '';

/**
 * Why a statement may not be in a migration: all pending ones are one transaction, which none of them may
 * end.
 */
function refusal(statement: string): string | undefined {
  const shown = statement.replaceAll(/\s+/g, ' ').slice(0, 60);
  if (ENDS_TRANSACTION.test(statement) || ROLLBACK.test(statement)) {
    return `"${shown}": remove it, all pending migrations are one transaction`;
  }
  if (CONCURRENT_INDEX.test(statement)) {
    return (
      `"${shown}" cannot run in a transaction, and migrations are one: remove "concurrently" (writes to the ` +
      'table wait meanwhile), or run it yourself first and write "if not exists" or "if exists" here'
    );
  }
  if (OUTSIDE_ONLY.test(statement)) {
    return `"${shown}" cannot run in a transaction, and migrations are one: run it yourself`;
  }
  return undefined;
}
