// The certificate of a worker's server. It is read once per thread, so that a replacement serves a renewed
// one.
import { checkCertificate, type TlsFiles } from '../server/certificate.js';
import type { ServerContext } from './worker-server.js';

/**
 * Checks the files of a certificate, and logs what is wrong with it.
 * @throws StartError as `checkCertificate`
 */
export function checkWorkerTls(
  tls: TlsFiles | undefined,
  { boot, log }: Pick<ServerContext, 'boot' | 'log'>,
): void {
  if (tls === undefined) return;
  const warnings = checkCertificate(tls);
  // The primary has already logged these for the first generation.
  if (boot.generation > 1) for (const warning of warnings) log.warn(warning);
}
