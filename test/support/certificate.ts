// Certificates for tests, made by the `openssl` command (Debian has it by default). Where it is absent, tests
// that need one are pending with that reason.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { markPending } from './pending.js';

export interface TestCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** The certificate that a client must trust, PEM. */
  readonly ca: string;
}

/** Marks a test, or the suite of a `before` hook, as pending where `openssl` is not installed. */
export function needsOpenssl(context: Mocha.Context): void {
  if (spawnSync('openssl', ['version']).error === undefined) return;
  markPending(context, 'openssl is not installed');
}

/**
 * Writes a certificate for 127.0.0.1 and localhost, and its key, into the folder.
 * @param authority a certificate that signs this one, so that clients trust all that it has signed: a renewed
 *   certificate needs no change of theirs. Default: the certificate is self-signed
 */
export function makeCertificate(
  folder: string,
  name: string,
  days = 30,
  authority?: TestCertificate,
): TestCertificate {
  const certFile = join(folder, `${name}.crt`);
  const keyFile = join(folder, `${name}.key`);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  const files = ['-out', certFile, '-days', String(days)];
  const signer = authority === undefined ? [] : ['-CA', authority.certFile, '-CAkey', authority.keyFile];
  execFileSync('openssl', ['req', '-x509', ...key, ...subject, ...files, ...signer], { stdio: 'pipe' });
  return { certFile, keyFile, ca: authority?.ca ?? readFileSync(certFile, 'utf8') };
}

/** The settings of a cluster that serves with this certificate. */
export const tlsEnv = ({ certFile, keyFile }: TestCertificate): Record<string, string> => ({
  TLS_CERT_FILE: certFile,
  TLS_KEY_FILE: keyFile,
});
