// Media types as far as reading a body needs them (RFC 9110 section 8.3.1).

/** `application/json` or any `…/…+json` (RFC 6839). */
const JSON_ESSENCE = /^(?:application\/json|[!#$&^\w.-]+\/[!#$&^\w.+-]+\+json)$/i;
const CHARSET = /;[ \t]*charset="?([^";\s]+)/i;

/** JSON, in UTF-8 if a charset is named at all. */
export function isJsonType(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  if (contentType === undefined) return false;
  const semicolon = contentType.indexOf(';');
  const essence = semicolon === -1 ? contentType : contentType.slice(0, semicolon);
  if (!JSON_ESSENCE.test(essence.trim())) return false;
  const charset = CHARSET.exec(contentType)?.[1]?.toLowerCase();
  return charset === undefined || charset === 'utf-8' || charset === 'utf8';
}
