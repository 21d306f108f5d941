// Checks whether a request may become a WebSocket (RFC 6455 section 4.2.1). The core requires only a key of
// the right length.
import { HttpError } from '../../errors.js';
import type { ReadonlyFields } from '../handler.js';
import type { ResolvedLimits } from './websocket.js';

const VERSION = '13';
/** A key is 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

export interface UpgradeRequest {
  readonly method: string;
  readonly headers: ReadonlyFields;
  readonly contentLength: number;
  readonly isChunked: boolean;
}

export const upgradeRequired = (detail: string): HttpError =>
  new HttpError('UPGRADE_REQUIRED', detail, { headers: { 'sec-websocket-version': VERSION } });

/** @throws HttpError UPGRADE_REQUIRED, MALFORMED_REQUEST, CROSS_SITE */
export function checkHandshake(request: UpgradeRequest, { origins }: Pick<ResolvedLimits, 'origins'>): void {
  const { method, headers } = request;
  if (method !== 'GET' || !has(headers, 'upgrade', 'websocket') || !has(headers, 'connection', 'upgrade')) {
    throw upgradeRequired('This path is a WebSocket.');
  }
  if (headers.getAll('sec-websocket-version').join() !== VERSION) {
    throw upgradeRequired(`Only WebSocket version ${VERSION} is supported.`);
  }
  // The core reads only the first key, and passes what follows the header to the WebSocket as frames.
  const keys = headers.getAll('sec-websocket-key');
  if (keys.length !== 1 || !KEY.test(keys[0]!)) {
    throw new HttpError('MALFORMED_REQUEST', 'Sec-WebSocket-Key is not one key of 16 bytes.');
  }
  if (request.contentLength > 0 || request.isChunked) {
    throw new HttpError('MALFORMED_REQUEST', 'A WebSocket handshake has no body.');
  }
  if (!mayOpen(headers, origins)) {
    throw new HttpError('CROSS_SITE', 'Pages of this origin may not open this WebSocket.');
  }
}

/** @returns the first of our subprotocols that the client offers */
export function chooseProtocol(headers: ReadonlyFields, ours: readonly string[]): string | undefined {
  if (ours.length === 0) return undefined;
  const offered = tokens(headers, 'sec-websocket-protocol');
  return ours.find((name) => offered.includes(name));
}

/**
 * A browser sends cookies with a WebSocket that a page of any web site opens, and sends no preflight first
 * (CWE-1385), so only the origin identifies the page. Its scheme cannot be compared, because a proxy that
 * ends TLS need not report it; the host is enough.
 */
function mayOpen(headers: ReadonlyFields, allowed: readonly string[] | '*'): boolean {
  const origins = headers.getAll('origin');
  if (allowed === '*' || origins.length === 0) return true;
  const [origin = ''] = origins;
  if (origins.length > 1) return false;
  if (allowed.includes(origin)) return true;
  if (allowed.length > 0 || !/^https?:/.test(origin) || !URL.canParse(origin)) return false;
  const { protocol, host } = new URL(origin);
  const own = `${protocol}//${headers.get('host') ?? ''}`;
  return URL.canParse(own) && new URL(own).host === host;
}

const has = (headers: ReadonlyFields, name: string, token: string): boolean =>
  tokens(headers, name).some((one) => one.toLowerCase() === token);

const tokens = (headers: ReadonlyFields, name: string): string[] =>
  headers
    .getAll(name)
    .flatMap((line) => line.split(','))
    .map((token) => token.trim());
