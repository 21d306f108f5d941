// The error of a statement that the PostgreSQL server has refused, and the questions that are asked about it
// by its SQLSTATE (https://www.postgresql.org/docs/17/errcodes-appendix.html).
/** Number of characters of the statement that the error shows. */
const SHOWN_CHARACTERS = 300;
/** Captures the folder of the file that a stack frame names. */
const FOLDER_OF_FRAME = /((?:file:|\/)[^()]*\/)[^/()]+:\d+:\d+\)?$/;

/** The error that the server has sent, as the driver passes it on. */
export interface ServerError {
  readonly message: string;
  readonly code?: string | undefined;
  readonly constraint?: string | undefined;
  readonly table?: string | undefined;
  readonly hint?: string | undefined;
  readonly routine?: string | undefined;
  /** Index of the character in the statement, from 1. */
  readonly position?: string | undefined;
}

/**
 * The server refused the statement, which therefore had no effect. It is logged and never shown to a client.
 */
export class StatementError extends Error {
  override readonly name = 'StatementError';
  /** Five characters that classify the error, or '' if the server has sent none. */
  readonly sqlState: string;
  readonly constraint: string | undefined;
  readonly table: string | undefined;
  /** Advice that the server gives with the error. */
  readonly hint: string | undefined;
  /** Function of the server's source that raised the error. Unlike the message it is never translated. */
  readonly routine: string | undefined;
  /**
   * Text of the statement, without its values: on one line, shortened around the position of the error.
   * Undefined until `recordSender` is called.
   */
  statement: string | undefined;
  readonly #position: number;

  constructor(error: ServerError) {
    super(`${error.message} (SQLSTATE ${error.code ?? '?'})`);
    this.sqlState = error.code ?? '';
    this.constraint = error.constraint;
    this.table = error.table;
    this.hint = error.hint;
    this.routine = error.routine;
    this.#position = Number(error.position ?? 1);
  }

  /**
   * Adds the statement's text and a stack that begins in the code that sent it. It has to be called in the
   * async function that the sender awaits: the error itself is created where the response arrives, and the
   * stack there does not lead back to the sender.
   */
  recordSender(text: string): void {
    if (this.statement !== undefined) return;
    const from = Math.max(0, this.#position - 1 - SHOWN_CHARACTERS / 2);
    const to = from + SHOWN_CHARACTERS;
    const shown = text.slice(from, to).replaceAll(/\s+/g, ' ').trim();
    this.statement = `${from > 0 ? '…' : ''}${shown}${to < text.length ? '…' : ''}`;
    Error.captureStackTrace(this);
    this.stack = withoutFirstFolder(String(this.stack));
  }
}

/**
 * Drops the leading frames of the stack that are in the folder of its first frame (this module) or in
 * Node.js.
 */
function withoutFirstFolder(stack: string): string {
  const [head, ...frames] = stack.split(/\n(?=\s+at )/);
  const own = FOLDER_OF_FRAME.exec(frames[0] ?? '')?.[1] ?? '';
  const first = frames.findIndex((frame) => !frame.includes(own) && !frame.includes('node:internal/'));
  return [head, ...frames.slice(Math.max(0, first))].join('\n');
}

/**
 * Whether a statement was refused because a row with the same key exists already (SQLSTATE 23505,
 * `unique_violation`). The statement changed nothing; inside a transaction it has made the transaction fail.
 *
 * Ask for the constraint where the table has several: a duplicate e-mail address is the client's mistake, a
 * duplicate primary key may be ours.
 * @param error anything that was thrown
 * @param constraint name of the constraint or unique index; without it every unique violation counts
 * @example
 * // A handler that turns a unique violation into 409.
 * app.post('/notes', { body: NewNote }, async (ctx) => {
 *   try {
 *     return await db.one('insert into notes (text) values ($1) returning id', [ctx.body.text]);
 *   } catch (error) {
 *     if (!isUniqueViolation(error, 'notes_text_key')) throw error;
 *     throw new BusinessError('NOTE_EXISTS', 'There is a note with this text.', { status: 409 });
 *   }
 * });
 */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return (
    error instanceof StatementError &&
    error.sqlState === '23505' &&
    (constraint === undefined || error.constraint === constraint)
  );
}

/**
 * Whether a prepared statement was refused because a table in its plan has changed since. It is refused
 * before it runs, and on this session always will be: only under another name does the statement get a new
 * plan.
 */
export function isStalePlan(error: unknown): boolean {
  return (
    error instanceof StatementError && error.sqlState === '0A000' && error.routine === 'RevalidateCachedQuery'
  );
}

/**
 * SQLSTATEs of values that do not fit the types of their parameters: out of range, invalid text form, type
 * mismatch, undefined operator, indeterminate type.
 */
const PARAMETER_MISMATCH = /^(22003|22P02|42804|42883|42P18)$/;

/**
 * Whether the values do not fit the types of the parameters. A prepared statement has the types that its
 * columns had when it was prepared, so this may also mean that a column's type has changed since.
 */
export function isParameterMismatch(error: unknown): boolean {
  return error instanceof StatementError && PARAMETER_MISMATCH.test(error.sqlState);
}
