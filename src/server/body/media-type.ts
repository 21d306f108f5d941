// Recognizes the media types and content codings of request bodies (RFC 9110 sections 8.3.1 and 8.4).
import { HttpError } from '../../errors.js';
import type { ReadonlyFields } from '../handler.js';

/** `application/json` or any `…/…+json` (RFC 6839). */
const JSON_ESSENCE = /^(?:application\/json|[!#$&^\w.-]+\/[!#$&^\w.+-]+\+json)$/i;
const CHARSET = /;[ \t]*charset="?([^";\s]+)/i;

/** True for JSON in UTF-8, or without a charset. */
export function isJsonType(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  if (contentType === undefined) return false;
  const semicolon = contentType.indexOf(';');
  const essence = semicolon === -1 ? contentType : contentType.slice(0, semicolon);
  if (!JSON_ESSENCE.test(essence.trim())) return false;
  const charset = CHARSET.exec(contentType)?.[1]?.toLowerCase();
  return charset === undefined || charset === 'utf-8' || charset === 'utf8';
}

export const isFormType = (contentType: string | undefined): boolean =>
  contentType !== undefined && essenceOf(contentType) === 'application/x-www-form-urlencoded';

export const isMultipartType = (contentType: string | undefined): boolean =>
  contentType !== undefined && essenceOf(contentType) === 'multipart/form-data';

export const unsupportedType = (wanted: string): HttpError =>
  new HttpError('UNSUPPORTED_MEDIA_TYPE', `Send the body as ${wanted}.`);

/**
 * Refuses compressed bodies: the size of one does not bound its content.
 * @throws HttpError UNSUPPORTED_MEDIA_TYPE
 */
export function refuseCoding(headers: ReadonlyFields): void {
  const coding = headers.get('content-encoding');
  if (coding === undefined || coding.toLowerCase() === 'identity') return;
  throw new HttpError('UNSUPPORTED_MEDIA_TYPE', 'Send the body as it is, without Content-Encoding.', {
    headers: { 'accept-encoding': 'identity' },
  });
}

function essenceOf(contentType: string): string {
  const semicolon = contentType.indexOf(';');
  return (semicolon === -1 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}
