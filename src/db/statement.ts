// What is known of a statement from its text, before it is sent: which operation it is, whether it reads or
// writes, and whether it may run on a session that others share.
import { describeValue } from '../options.js';
import { afterBlockComment } from './sql-text.js';
import { StatementCost } from './statement-cost.js';

export type StatementKind = 'read' | 'write';

export interface Statement {
  readonly text: string;
  /** First keyword in upper case; the operation in metrics and spans. */
  readonly operation: string;
  /**
   * An estimate that decides which sessions are quicker for it, not what it may do. Corrected when the server
   * refuses the statement on a read-only session.
   */
  kind: StatementKind;
  /** False for a statement that may commit in between: if it fails, what it has done before remains. */
  readonly isAtomic: boolean;
  /**
   * True for a statement that runs code (CALL, DO), which may change the session without the text showing it.
   */
  readonly mayChangeSession: boolean;
  /** Name of the prepared statement; undefined: the statement is not prepared. */
  name: string | undefined;
  readonly cost: StatementCost;
  /** Why the statement may not run on a session that others share; undefined when it may. */
  readonly refusedOnLane: string | undefined;
  /** Why the statement may not run in a transaction of `db.transaction`; undefined when it may. */
  readonly refusedInTransaction: string | undefined;
}

/**
 * Number of texts that are kept. A program has a bounded number of fixed texts, but may build any number of
 * others.
 */
const MAX_KEPT = 1000;
/** Length of the longest text that is kept. Longer ones are usually built, and used once. */
const MAX_KEPT_LENGTH = 10_000;
const RUNS_CODE = new Set(['CALL', 'DO']);
const READS = new Set(['SELECT', 'VALUES', 'TABLE', 'SHOW', 'EXPLAIN']);

/**
 * The statements of one database in one worker, by their text. A statement is prepared from its second use
 * on, so that texts that are built and used once do not fill the memory of the server's sessions with plans.
 */
export class StatementCache {
  readonly #prepare: boolean;
  readonly #known = new Map<string, Statement>();
  #names = 0;

  /**
   * @param prepare false: nothing is ever prepared (DATABASE_PREPARE=off, for poolers that switch sessions)
   */
  constructor(prepare: boolean) {
    this.#prepare = prepare;
  }

  /** The statement with this text. @throws TypeError when it is no string */
  of(text: string): Statement {
    const known = this.#known.get(text);
    if (known !== undefined) {
      if (known.name === undefined) this.renew(known, undefined);
      return known;
    }
    const statement = read(text);
    if (text.length > MAX_KEPT_LENGTH) return statement;
    if (this.#known.size >= MAX_KEPT) this.#forget();
    if (this.#known.size < MAX_KEPT) this.#known.set(text, statement);
    return statement;
  }

  /**
   * Gives a statement another name, and thereby another plan, because the server does not accept the present
   * one any more.
   * @param name the name by which it was sent; when several uses fail at once, only the first one changes the
   *   name
   */
  renew(statement: Statement, name: string | undefined): void {
    if (this.#prepare && statement.name === name) statement.name = `multilane_${++this.#names}`;
  }

  #forget(): void {
    for (const [text, { name }] of this.#known) if (name === undefined) this.#known.delete(text);
  }
}

function read(text: string): Statement {
  if (typeof text !== 'string') {
    throw new TypeError(
      `db: the statement must be a string, its values an array behind it, as in query('select $1', [1]); not ${describeValue(text)}`,
    );
  }
  const [first = '', ...others] = keywords(text);
  return {
    text,
    operation: first,
    kind: kindOf(first, text),
    isAtomic: !RUNS_CODE.has(first) && !/\bconcurrently\b/i.test(text),
    mayChangeSession: RUNS_CODE.has(first),
    name: undefined,
    cost: new StatementCost(),
    refusedOnLane: laneRefusal(first, text),
    refusedInTransaction: transactionRefusal(first, others, text),
  };
}

/**
 * Functions with effects beside the tables, which the server permits even in a read-only session: a statement
 * that calls one is never repeated. Functions that write to tables or sequences need not be listed. The
 * server refuses them in a read-only session, which shows that the statement writes.
 */
const ACTS = new RegExp(
  String.raw`\b(?:${[
    'pg_notify',
    'pg_logical_emit_message',
    // other databases, files and hosts
    'dblink\\w*',
    'lo_\\w+',
    'pg_file_\\w+',
    'http_(?:get|post|put|patch|delete|head)',
    // other sessions and the server itself
    'pg_(?:cancel|terminate)_backend',
    'pg_(?:reload_conf|rotate_logfile|promote|switch_wal|create_restore_point|backup_start|backup_stop)',
    'pg_(?:wal_replay|log|export)_\\w+',
    'pg_stat_\\w*reset\\w*',
    // replication
    'pg_\\w*(?:replication|slot)\\w*',
  ].join('|')})"?\s*\(`,
  'i',
);

/** Whether a statement calls a function with effects beside the tables. */
export const acts = (text: string): boolean => ACTS.test(text);

function kindOf(operation: string, text: string): StatementKind {
  if (acts(text)) return 'write';
  if (READS.has(operation)) return 'read';
  return operation === 'WITH' && !/\b(insert|update|delete|merge)\b/i.test(text) ? 'read' : 'write';
}

/** The first words of a statement, at most three, in upper case. Comments and parentheses are skipped. */
export function keywords(text: string): string[] {
  const words: string[] = [];
  for (let at = 0; at < text.length && words.length < 3; ) {
    if (text.startsWith('--', at)) {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end + 1;
    } else if (text.startsWith('/*', at)) {
      at = afterBlockComment(text, at);
    } else {
      const word = /^[a-z_]+/i.exec(text.slice(at, at + 32))?.[0];
      if (word !== undefined) words.push(word.toUpperCase());
      else if (!/[\s(;]/.test(text[at]!)) break;
      at += word?.length ?? 1;
    }
  }
  return words;
}

const BEGINS_OR_ENDS = new Set(['BEGIN', 'START', 'COMMIT', 'END', 'ABORT']);
const OWN_CLIENT = 'open a client of your own (the package pg) for it';
const PREPARES = 'send the statement itself, with $1 values: it is prepared from its second use on';
const NO_SETTING = 'sessions are shared: change a setting by SET LOCAL in db.transaction';
/** Statements that change the session, even in a transaction, and what to do instead. */
const NOWHERE: ReadonlyMap<string, string> = new Map([
  ['LISTEN', OWN_CLIENT],
  ['UNLISTEN', OWN_CLIENT],
  ['COPY', `insert many rows by "insert … select … from unnest($1::text[])", or ${OWN_CLIENT}`],
  ['PREPARE', PREPARES],
  ['EXECUTE', PREPARES],
  ['DEALLOCATE', PREPARES],
  ['DISCARD', NO_SETTING],
  ['RESET', NO_SETTING],
  ['LOAD', 'have the server load it: session_preload_libraries'],
]);
/** Statements that have a meaning in a transaction only. */
const INSIDE_ONLY = new Set([
  'SET',
  'SAVEPOINT',
  'RELEASE',
  'ROLLBACK',
  'DECLARE',
  'FETCH',
  'MOVE',
  'CLOSE',
  'LOCK',
]);
const SAVEPOINTS = new Set(['SAVEPOINT', 'RELEASE', 'ROLLBACK']);
/** Name of the savepoint of `db.idempotent`. */
const EFFECT_SAVEPOINT = /\bmultilane_effect\b/i;
const SET_LOCALLY = new Set(['LOCAL', 'CONSTRAINTS', 'TRANSACTION']);
const SESSION_FUNCTION = /\b(set_config|pg_(?:try_)?advisory_lock(?:_shared)?|pg_advisory_unlock\w*)"?\s*\(/i;
/** `set_config('a.b', f($1), true)`, which ends with the transaction; with parentheses of one level in it. */
const LOCAL_CONFIG = /\bset_config"?\s*\((?:'[^']*'|[^'()]|\([^()]*\))*,\s*true\s*\)/gi;
const TEMPORARY = /\bcreate\s+(?:or\s+replace\s+)?(?:(?:global|local)\s+)?temp(?:orary)?\s|\bpg_temp\s*\./i;
/** `select … into temp t`, but not `insert into temp`: a table may be called temp too. */
const INTO_TEMPORARY = /(?<!\b(?:insert|merge)\s+)\binto\s+(?:(?:global|local)\s+)?temp(?:orary)?\s+\w/i;

function laneRefusal(first: string, text: string): string | undefined {
  if (BEGINS_OR_ENDS.has(first) || INSIDE_ONLY.has(first)) {
    return `${first} is not for db.query: use db.transaction, which begins and ends a transaction itself`;
  }
  const instead = NOWHERE.get(first);
  if (instead !== undefined) return `${first} is not for db, nor for db.transaction: ${instead}`;
  const session = SESSION_FUNCTION.exec(text)?.[1] ?? (isTemporary(first, text) ? 'TEMP' : undefined);
  if (session === undefined) return undefined;
  return `${session} would change a session that others share: ${insteadOf(session)}`;
}

/** What to do instead of changing the session. */
function insteadOf(session: string): string {
  if (session === 'TEMP') return 'create the table in db.transaction, with ON COMMIT DROP';
  if (session.toLowerCase() === 'set_config')
    return 'use it in db.transaction, with the literal true as third';
  return 'use its pg_advisory_xact_ form in db.transaction';
}

function isTemporary(first: string, text: string): boolean {
  if (first === 'CREATE') return TEMPORARY.test(text);
  return READS.has(first) || first === 'WITH' ? INTO_TEMPORARY.test(text) : false;
}

function transactionRefusal(first: string, others: readonly string[], text: string): string | undefined {
  if (BEGINS_OR_ENDS.has(first)) {
    return `${first} is done by db.transaction: return from it to commit, throw to roll back`;
  }
  const instead = NOWHERE.get(first);
  if (instead !== undefined) return `${first} is not for db.transaction, nor for db: ${instead}`;
  if (first === 'SET' && !SET_LOCALLY.has(others[0] ?? ''))
    return 'SET would outlive the transaction: use SET LOCAL';
  // `rollback [work | transaction] to savepoint`
  if (first === 'ROLLBACK' && !others.includes('TO')) return 'ROLLBACK is done by throwing';
  if (SAVEPOINTS.has(first) && EFFECT_SAVEPOINT.test(text))
    return `${first} may not name a savepoint of the runtime`;
  if (first === 'DECLARE' && /\bwith\s+hold\b/i.test(text)) return 'WITH HOLD would outlive the transaction';
  if (isTemporary(first, text) && !/\bon\s+commit\s+drop\b/i.test(text)) {
    return 'TEMP would outlive the transaction: create a table with ON COMMIT DROP';
  }
  const session = SESSION_FUNCTION.exec(text.replace(LOCAL_CONFIG, ''))?.[1];
  if (session === undefined) return undefined;
  if (session.toLowerCase() === 'set_config') {
    return 'set_config would outlive the transaction: its third argument must be the literal true';
  }
  return `${session} would outlive the transaction: use its pg_advisory_xact_ form`;
}
