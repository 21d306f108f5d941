// What a statement's text tells before it is sent: which operation, reading or writing, and may it run here.
import { describeValue } from '../options.js';
import { afterBlockComment } from './sql-text.js';
import { StatementCost } from './statement-cost.js';

export type Kind = 'read' | 'write';

export interface Statement {
  readonly text: string;
  /** First keyword in upper case: the operation of metrics and spans. */
  readonly operation: string;
  /** A guess that decides which lane is quicker, not what is allowed; corrected by experience. */
  kind: Kind;
  /** False for one that may commit in between: what it has done before it fails stands. */
  readonly isAtomic: boolean;
  /** True for one with code in it that may change the session, which its text does not show. */
  readonly mayChangeSession: boolean;
  /** Name of the prepared statement; undefined: sent unnamed. */
  name: string | undefined;
  readonly cost: StatementCost;
  /** Why it may not run on a session that others share; undefined when it may. */
  readonly refusedOnLane: string | undefined;
  /** Why it may not run in `db.transaction`, which alone begins and ends one; undefined when it may. */
  readonly refusedInTransaction: string | undefined;
}

/** Texts remembered per database. A program has a bounded number of statements; those it builds are not. */
const REMEMBERED = 1000;
/** Longer ones are built, and not worth their room. */
const REMEMBERED_LENGTH = 10_000;
const RUNS_CODE = new Set(['CALL', 'DO']);
const READS = new Set(['SELECT', 'VALUES', 'TABLE', 'SHOW', 'EXPLAIN']);

/**
 * The statements of one database in one worker. A text gets its name at the second use, so that statements
 * built on the fly do not fill the sessions' memory with plans used once.
 */
export class StatementCache {
  readonly #prepare: boolean;
  readonly #known = new Map<string, Statement>();
  #names = 0;

  /** @param prepare false: no names at all (DATABASE_PREPARE=off, for poolers that switch sessions) */
  constructor(prepare: boolean) {
    this.#prepare = prepare;
  }

  of(text: string): Statement {
    const known = this.#known.get(text);
    if (known !== undefined) {
      if (known.name === undefined) this.renew(known, undefined);
      return known;
    }
    const statement = read(text);
    if (text.length > REMEMBERED_LENGTH) return statement;
    if (this.#known.size >= REMEMBERED) this.#forget();
    if (this.#known.size < REMEMBERED) this.#known.set(text, statement);
    return statement;
  }

  /**
   * Another name means another plan: for one that the server does not accept any more. `name` is the one that
   * it was sent by: of several that fail at once, the first gives it another.
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
 * Functions that the server permits where nothing may be written, though their effects outlive the statement
 * or leave the database: a statement that calls one is never repeated. Those that write to tables or
 * sequences need not be named: the server refuses them there, which makes them known as writes.
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

export const acts = (text: string): boolean => ACTS.test(text);

function kindOf(operation: string, text: string): Kind {
  if (acts(text)) return 'write';
  if (READS.has(operation)) return 'read';
  return operation === 'WITH' && !/\b(insert|update|delete|merge)\b/i.test(text) ? 'read' : 'write';
}

/** Comments (nested, as PostgreSQL has them) and parentheses skipped: at most the first three words. */
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
/** Change the session that others share, in a transaction as well; and what to do instead. */
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
/** Mean nothing outside a transaction. */
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
/** What `db.idempotent` goes back to when the effect is refused. */
const EFFECT = /\bmultilane_effect\b/i;
const SET_LOCALLY = new Set(['LOCAL', 'CONSTRAINTS', 'TRANSACTION']);
const SESSION_FUNCTION = /\b(set_config|pg_(?:try_)?advisory_lock(?:_shared)?|pg_advisory_unlock\w*)"?\s*\(/i;
/** `set_config('a.b', f($1), true)`, which ends with the transaction; parentheses in it one deep. */
const LOCAL_CONFIG = /\bset_config"?\s*\((?:'[^']*'|[^'()]|\([^()]*\))*,\s*true\s*\)/gi;
const TEMPORARY = /\bcreate\s+(?:or\s+replace\s+)?(?:(?:global|local)\s+)?temp(?:orary)?\s|\bpg_temp\s*\./i;
/** `select … into temp t`; a table may be called temp, too. */
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
  if (SAVEPOINTS.has(first) && EFFECT.test(text)) return `${first} may not name a savepoint of the runtime`;
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
