// What is wrong with the certificate of an endpoint that this process has rejected, or with its own when the
// endpoint has rejected that, and what to do about it.
// The texts are fixed, because those of Node.js contain parts of the certificate.

const UNTRUSTED =
  'has a certificate of an authority that this process does not trust; NODE_EXTRA_CA_CERTS adds authorities';

const INVALID = 'has a certificate that is not valid; it must be replaced';
const REFUSED =
  'refuses the TLS handshake: it may demand a certificate of its clients, which calls do not send, have none ' +
  'for clients that send no server name, or share no cipher with this process';
const WANTED =
  'demands a certificate of its clients, which calls do not send; it must accept clients without one';
const ELSEWHERE = 'has a certificate for other addresses; it must contain the registered one';

/** By the codes of Node.js (nodejs.org/api/tls.html#x509-certificate-error-codes). */
const FAULTS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  CERT_UNTRUSTED: UNTRUSTED,
  CERT_HAS_EXPIRED: 'has a certificate that has expired; it must be renewed',
  CERT_NOT_YET_VALID: 'has a certificate that is not valid yet; the clock of one of the hosts may be wrong',
  CERT_REVOKED: INVALID,
  CERT_SIGNATURE_FAILURE: INVALID,
  CERT_CHAIN_TOO_LONG: INVALID,
  CERT_REJECTED: INVALID,
  INVALID_CA: INVALID,
  INVALID_PURPOSE: INVALID,
  PATH_LENGTH_EXCEEDED: INVALID,
  HOSTNAME_MISMATCH: ELSEWHERE,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: WANTED,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: REFUSED,
  ERR_TLS_CERT_ALTNAME_INVALID: ELSEWHERE,
};

/** Alerts of TLS, by the words of OpenSSL: grpc-js keeps the text of an error only. */
const ALERTS: readonly (readonly [RegExp, keyof typeof FAULTS])[] = [
  [/alert certificate required/, 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'],
  [/alert handshake failure/, 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE'],
];

/** The words of OpenSSL for any alert. */
const ALERT = /\b(?:alert |tlsv1 )([a-z][a-z ]{1,40}[a-z])/;

const knownCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && Object.hasOwn(FAULTS, String(error.code))
    ? String(error.code)
    : '';

/** Whether an error has certainly ended the handshake, so that nothing was sent to a handler. */
export const isHandshakeFault = (error: unknown): boolean => knownCode(error) !== '';

/** @returns undefined for an error that is not about a certificate */
export function certificateFault(error: unknown): string | undefined {
  const known = knownCode(error);
  const text = error instanceof Error ? error.message : String(error);
  const code = known || ALERTS.find(([words]) => words.test(text))?.[1];
  if (code !== undefined) return `${FAULTS[code]} (${code})`;
  const alert = ALERT.exec(text)?.[1];
  return alert === undefined ? undefined : `${REFUSED} (alert: ${alert})`;
}
