// What the OpenTelemetry SDK has to complain about (a collector that is down, dropped spans) in our log.
// A collector that stays down would complain with every batch of every worker, so one line a minute.
import type { Logger } from 'pino';
import type { OtelSdk } from './otel-sdk.js';

const QUIET_MS = 60_000;

/** The SDK's diagnostics are global to a thread: the last caller gets them. */
export function reportExportTrouble(
  api: OtelSdk['api'],
  log: Logger,
  now: () => number = () => performance.now(),
): void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  let suppressed = 0;
  const report = (message: string): void => {
    if (now() < quietUntil) {
      suppressed++;
      return;
    }
    log.warn({ detail: message, suppressed }, 'tracing: export trouble');
    quietUntil = now() + QUIET_MS;
    suppressed = 0;
  };
  const ignore = (): void => {};
  api.diag.setLogger(
    { error: report, warn: report, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: api.DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
