// The error of a process that cannot start because a database cannot be reached, in one line for the
// operator: which setting, which address, the error of PostgreSQL or the network, and what to do. It never
// has the URL, which contains the password.
import { StartError } from '../errors.js';
import { addressOf } from './server-url.js';

/** What a connection is for, for messages. */
export interface Connecting {
  readonly service: string;
  /**
   * The setting with the URL: `DATABASE_URL` or `<SERVICE>_DATABASE_URL`; undefined for the embedded server.
   */
  readonly setting?: string | undefined;
}

export function connectFailure({ service, setting }: Connecting, url: string, error: unknown): StartError {
  const prefix = setting === undefined ? '' : `${setting}: `;
  const what = `cannot connect to the database of "${service}" at ${addressOf(url)}`;
  const next = setting === undefined ? '' : `; ${nextStep(error)}`;
  return new StartError(`${prefix}${what}: ${reasonOf(error)}${next}`, { cause: error });
}

function reasonOf(error: unknown): string {
  // Node.js tries IPv6 and IPv4. If both fail, its error has no message but contains the two errors.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replaceAll(/\s+/g, ' ').trim();
}

const ENCODED = 'a password with @ : / # or ? is percent-encoded there, @ as %40';

/** What to do, by SQLSTATE or by the code of a network error. The first match counts. */
const NEXT_STEPS: readonly (readonly [RegExp, string])[] = [
  [/^28/, `check user and password in the URL (${ENCODED}), and pg_hba.conf of the server`],
  [/^3D000$/, 'name an existing database in the path of the URL: new ones are created through it'],
  [/^53300$/, 'raise max_connections of the server, or close other connections'],
  [/^57P03$/, 'start again when the server accepts connections'],
  [/^(?:ENOTFOUND|EAI_)/, `check the host in the URL (${ENCODED})`],
  [/^(?:ECONNREFUSED|ENOENT)$/, 'start PostgreSQL there, or correct host and port in the URL'],
  [/^(?:ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/, 'check host and port in the URL, and the network in between'],
];
const TLS = /CERT|SSL|TLS|SIGNATURE|certificate/i;
const OVERDUE = /timeout/i;

function nextStep(error: unknown): string {
  const cause = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const isFile = cause instanceof Error && 'path' in cause && 'syscall' in cause && cause.syscall === 'open';
  const message = cause instanceof Error ? cause.message : '';
  if (isFile || TLS.test(code) || TLS.test(message)) return 'check sslmode and the certificates in the URL';
  const known = NEXT_STEPS.find(([pattern]) => pattern.test(code));
  if (known !== undefined) return known[1];
  if (OVERDUE.test(message)) return 'check host and port in the URL, and the network in between';
  return 'check that the URL names a PostgreSQL server';
}
