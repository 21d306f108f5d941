// TLS of the data plane. Certificate and key are checked before the HTTP core reads them, because its only
// error is "App construction failed", whatever is wrong.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Settings } from '../config.js';
import { StartError } from '../errors.js';

export type TlsSettings = Pick<Settings, 'tlsCertFile' | 'tlsKeyFile'>;

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/**
 * A certificate is usually renewed a month before it expires. If it was not renewed this many days before,
 * its renewal has failed.
 */
const SOON_DAYS = 14;
const DAY_MS = 86_400_000;

/** @returns undefined for plain HTTP */
export function tlsFilesOf({ tlsCertFile, tlsKeyFile }: TlsSettings): TlsFiles | undefined {
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return undefined;
  return { certFile: tlsCertFile, keyFile: tlsKeyFile };
}

export const schemeOf = ({ tlsCertFile }: Pick<Settings, 'tlsCertFile'>): 'http' | 'https' =>
  tlsCertFile === undefined ? 'http' : 'https';

/**
 * Checks certificate and key.
 * @returns one line for each problem that does not keep the process from serving, such as an expiry soon
 * @throws StartError naming variable and file for a pair that cannot be used
 */
export function checkCertificate({ certFile, keyFile }: TlsFiles, now = new Date()): readonly string[] {
  const certificate = certificateIn(certFile);
  const key = keyIn(keyFile);
  if (!certificate.checkPrivateKey(key)) {
    throw new StartError(`TLS_KEY_FILE: ${keyFile} is not the key of the certificate in ${certFile}`);
  }
  const warning = (what: string): string => `TLS_CERT_FILE: the certificate in ${certFile} ${what}`;
  const [from, to] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  if (now < from) return [warning(`is valid only from ${from.toISOString()}`)];
  if (now >= to) return [warning(`has expired: it was valid to ${to.toISOString()}`)];
  if (now.getTime() >= to.getTime() - SOON_DAYS * DAY_MS)
    return [warning(`expires soon: ${to.toISOString()}`)];
  return [];
}

function certificateIn(file: string): X509Certificate {
  const pem = read('TLS_CERT_FILE', file);
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new StartError(`TLS_CERT_FILE: ${file} does not begin with a certificate in PEM form`, { cause });
  }
}

function keyIn(file: string): KeyObject {
  const pem = read('TLS_KEY_FILE', file);
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    const isEncrypted = pem.includes('ENCRYPTED');
    const what = isEncrypted ? 'holds an encrypted key' : 'holds no private key in PEM form';
    throw new StartError(`TLS_KEY_FILE: ${file} ${what}`, { cause });
  }
}

function read(variable: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new StartError(`${variable}: cannot read ${file} (${code})`, { cause });
  }
}
