// What a failure of a request over HTTP means: an error for the caller, whose class shows the verdict what it
// tells about the endpoint.
import { HttpError } from '../errors.js';
import { isOutOfFiles, OutOfFilesError } from '../open-files.js';
import type { Endpoint } from '../registry/endpoint.js';
import { certificateFault, isHandshakeFault } from './certificate-fault.js';
import { isUnconnected } from './strict-connect.js';
import {
  isRefusedHere,
  NoPortError,
  OversizedError,
  OversizedHeaderError,
  UnreachedError,
} from './transport-errors.js';

/** @param cause an error of undici, or of the body that was sent @returns what the caller gets */
export function httpFailure(endpoint: Endpoint, cause: unknown): Error {
  // The body of the request has failed, which a client sends.
  if (cause instanceof HttpError) return cause;
  const { code } = (cause ?? {}) as Partial<NodeJS.ErrnoException>;
  if (code === 'UND_ERR_INVALID_ARG' || code === 'ERR_INVALID_CHAR')
    return new HttpError('MALFORMED_REQUEST', 'The request has a field that cannot be passed on.', { cause });
  // It is no failure of the endpoint when this process cannot open a socket.
  if (isOutOfFiles(cause)) return new OutOfFilesError(cause);
  return isRefusedHere(cause) ? new NoPortError(endpoint, cause) : badUpstream(endpoint, cause);
}

/**
 * What is wrong when no connection could be made; undefined when there was one. The code of the error alone
 * does not tell: that of a route which fails is the same while a request is being executed.
 */
function unreachedBy(cause: unknown): string | undefined {
  if (isHandshakeFault(cause)) return certificateFault(cause);
  const { code, syscall } = (cause ?? {}) as Partial<NodeJS.ErrnoException>;
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return 'did not accept the connection in time';
  if (syscall === 'connect') return 'cannot be reached';
  return isUnconnected(cause) ? (certificateFault(cause) ?? handshakeFault(code)) : undefined;
}

/** What is wrong when the connection was accepted, and there was no TLS. */
function handshakeFault(code: string | undefined): string {
  if (code !== undefined && NO_TLS.has(code))
    return `does not speak TLS (${code}): it must, or be registered without the scheme https`;
  return `did not complete the TLS handshake${code === undefined ? '' : ` (${code})`}`;
}

/** Codes of bytes that are no TLS. */
const NO_TLS: ReadonlySet<string> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_UNKNOWN_PROTOCOL',
]);

/** What undici says of bytes that are no response, under the code of any broken socket. */
const NO_HTTP: ReadonlySet<string> = new Set(['bad upgrade', 'bad response']);

/** Node.js tells by the code that bytes are no response, undici by the name of the error or its message. */
function brokenBy(cause: unknown, code: string): string {
  const { name, message } = cause instanceof Error ? cause : new Error();
  if (code.startsWith('HPE_') || name === 'HTTPParserError' || NO_HTTP.has(message))
    return 'did not send valid HTTP';
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH')
    return 'has sent a body of another length than it had announced';
  return 'closed the connection before the response was complete';
}

/** Describes the failure without the parser's message, which may contain bytes of the other side. */
function badUpstream({ service, id }: Endpoint, cause: unknown): HttpError {
  const detail = (symptom: string): string => `Instance ${id} of ${service} ${symptom}.`;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const unreached = unreachedBy(cause);
  if (unreached !== undefined) return new UnreachedError(detail(unreached), cause);
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
    return new OversizedError(detail('sent a longer response than is accepted'), cause);
  if (code === 'UND_ERR_HEADERS_OVERFLOW')
    return new OversizedHeaderError(detail('sent a larger header than is accepted'), cause);
  return new HttpError('BAD_UPSTREAM', detail(certificateFault(cause) ?? brokenBy(cause, code)), { cause });
}
