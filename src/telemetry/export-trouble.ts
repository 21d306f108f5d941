// Writes the diagnostics of the OpenTelemetry SDK (a collector that is down, dropped spans) to our log. A
// collector that stays down causes one with every batch of every worker, so at most one line a minute is
// written.
import type { Logger } from 'pino';
import { runOutsideScopes } from '../scope.js';
import { exportFailed } from './export-failure.js';
import type { OtelSdk } from './otel-sdk.js';

const QUIET_MS = 60_000;

/**
 * Starts the reports of the export of spans. The SDK's diagnostics are global to a thread, so only the last
 * caller gets them.
 * @param endpoint address of the collector
 */
export function reportExportTrouble(
  api: OtelSdk['api'],
  log: Logger,
  endpoint: string,
  now: () => number = () => performance.now(),
): void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  let suppressed = 0;
  const report = (...diagnostic: unknown[]): void => {
    if (now() < quietUntil) {
      suppressed++;
      return;
    }
    const fields = { detail: diagnostic.map(String).join(' '), suppressed };
    // The SDK sends a batch in the context of the request whose span began it.
    runOutsideScopes(() => log.warn(fields, exportFailed('traces', endpoint)));
    quietUntil = now() + QUIET_MS;
    suppressed = 0;
  };
  const ignore = (): void => {};
  api.diag.setLogger(
    { error: report, warn: report, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: api.DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
