// TLS of the data plane and of gRPC. Certificate and key are checked before the HTTP core reads them, because
// its only error is "App construction failed", whatever is wrong.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Settings } from '../config.js';
import { StartError } from '../errors.js';

export type TlsSettings = Pick<Settings, 'tlsCertFile' | 'tlsKeyFile'>;

export type GrpcTlsSettings = Pick<Settings, 'grpcTlsCertFile' | 'grpcTlsKeyFile' | 'grpcTlsClientCaFile'>;

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Clients must have a certificate of an authority in this file. @default clients need none */
  readonly clientCaFile?: string;
  /** What the names of the settings begin with. @default nothing */
  readonly prefix?: 'GRPC_';
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

/** @returns undefined for gRPC in plain text */
export function grpcTlsFilesOf(settings: GrpcTlsSettings): TlsFiles | undefined {
  const { grpcTlsCertFile: certFile, grpcTlsKeyFile: keyFile, grpcTlsClientCaFile: clientCaFile } = settings;
  if (certFile === undefined || keyFile === undefined) return undefined;
  return { certFile, keyFile, prefix: 'GRPC_', ...(clientCaFile !== undefined && { clientCaFile }) };
}

export const schemeOf = ({ tlsCertFile }: Pick<Settings, 'tlsCertFile'>): 'http' | 'https' =>
  tlsCertFile === undefined ? 'http' : 'https';

/**
 * Checks certificate, key, and the authorities of clients.
 * @returns one line for each problem that does not keep the process from serving, such as an expiry soon
 * @throws StartError naming variable and file for a pair that cannot be used
 */
export function checkCertificate(files: TlsFiles, now = new Date()): readonly string[] {
  const { certFile, keyFile, clientCaFile, prefix = '' } = files;
  const certificate = certificateIn(certFile, `${prefix}TLS_CERT_FILE`);
  const key = keyIn(keyFile, `${prefix}TLS_KEY_FILE`);
  if (clientCaFile !== undefined) certificateIn(clientCaFile, `${prefix}TLS_CLIENT_CA_FILE`);
  if (!certificate.checkPrivateKey(key)) {
    throw new StartError(
      `${prefix}TLS_KEY_FILE: ${keyFile} is not the key of the certificate in ${certFile}`,
    );
  }
  const warning = (what: string): string => `${prefix}TLS_CERT_FILE: the certificate in ${certFile} ${what}`;
  const [from, to] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  if (now < from) return [warning(`is valid only from ${from.toISOString()}`)];
  if (now >= to) return [warning(`has expired: it was valid to ${to.toISOString()}`)];
  if (now.getTime() >= to.getTime() - SOON_DAYS * DAY_MS)
    return [warning(`expires soon: ${to.toISOString()}`)];
  return [];
}

function certificateIn(file: string, setting: string): X509Certificate {
  const pem = read(setting, file);
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new StartError(`${setting}: ${file} does not begin with a certificate in PEM form`, { cause });
  }
}

function keyIn(file: string, setting: string): KeyObject {
  const pem = read(setting, file);
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    const isEncrypted = pem.includes('ENCRYPTED');
    const what = isEncrypted ? 'holds an encrypted key' : 'holds no private key in PEM form';
    throw new StartError(`${setting}: ${file} ${what}`, { cause });
  }
}

function read(setting: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new StartError(`${setting}: cannot read ${file} (${code})`, { cause });
  }
}
