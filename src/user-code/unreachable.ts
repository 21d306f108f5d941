// Tells an error of a server that cannot be reached from a mistake of the project: a later start may succeed.
import { ConfigError, StartError } from '../errors.js';

/** What code of the project needs while it is loaded cannot be reached: the process exits with 1. */
export class UnreachableError extends StartError {}

/** Codes of plugins of Fastify that take too long: they may wait for a server. */
const PLUGIN_TIMEOUTS = new Set([
  'FST_ERR_PLUGIN_TIMEOUT',
  'AVV_ERR_PLUGIN_EXEC_TIMEOUT',
  'AVV_ERR_READY_TIMEOUT',
]);
/** Codes of Node.js, undici, and drivers of MySQL and Prisma. */
const CODES = new Set(
  (
    'ECONNREFUSED ECONNRESET ECONNABORTED ETIMEDOUT EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN ENETRESET ' +
    'ENOTFOUND EAI_AGAIN EAI_NODATA EAI_FAIL EPIPE ERR_SOCKET_CONNECTION_TIMEOUT ' +
    'UND_ERR_CONNECT_TIMEOUT UND_ERR_HEADERS_TIMEOUT UND_ERR_BODY_TIMEOUT UND_ERR_SOCKET ' +
    'PROTOCOL_CONNECTION_LOST ER_CON_COUNT_ERROR P1001 P1002'
  ).split(' '),
);
/** A PostgreSQL that starts, stops or is full, and connections that were lost. */
const SQLSTATE = /^(?:57P0[1-3]|53300|08\w{3})$/;
/** Names of errors of clients that have no such code: MongoDB, Redis, Kafka, Sequelize. */
const NAMES = [
  /^Mongo(?:ose)?(?:ServerSelection|Network)\w*Error$/,
  /^(?:(?:Connection)?Timeout|SocketClosedUnexpectedly|MaxRetriesPerRequest)Error$/,
  /^KafkaJS(?:Connection|NumberOfRetries)\w*$/,
  /^Sequelize(?:Connection(?:Refused|TimedOut)|HostNot(?:Found|Reachable))Error$/,
];
/** The most errors of one chain that are looked at. */
const MOST_ERRORS = 50;

/** Whether an error, its cause, or each of the errors that it collects is about the network. */
export function isUnreachable(thrown: unknown): boolean {
  try {
    return isOne(thrown, new Set());
  } catch {
    return false; // a member of it throws when it is read
  }
}

/** Whether an error says that a plugin has not called `done`, or that its promise is pending. */
export function isPluginTimeout(thrown: unknown): boolean {
  try {
    return PLUGIN_TIMEOUTS.has((thrown as { readonly code: string }).code);
  } catch {
    return false; // it is no object, or a member of it throws when it is read
  }
}

const isKnown = (code: unknown): boolean =>
  typeof code === 'string' && (CODES.has(code) || PLUGIN_TIMEOUTS.has(code) || SQLSTATE.test(code));

function isOne(error: unknown, seen: Set<unknown>): boolean {
  // What the runtime has found to be wrong stays so, whatever it is made of.
  if (typeof error !== 'object' || error === null || error instanceof ConfigError) return false;
  if (seen.has(error) || seen.size >= MOST_ERRORS) return false;
  seen.add(error);
  const { code, errorCode, name, syscall, cause, errors } = error as Readonly<Record<string, unknown>>;
  if (isKnown(code) || isKnown(errorCode)) return true;
  if (typeof name === 'string' && NAMES.some((one) => one.test(name))) return true;
  // The socket file of a server that does not run.
  if (code === 'ENOENT' && syscall === 'connect') return true;
  const all: readonly unknown[] = Array.isArray(errors) ? errors : [];
  return (all.length > 0 && all.every((one) => isOne(one, seen))) || isOne(cause, seen);
}
