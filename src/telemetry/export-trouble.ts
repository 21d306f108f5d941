// What the OpenTelemetry SDK has to complain about (a collector that is down, dropped spans) in our log.
// A collector that stays down would complain with every batch of every worker, so one line a minute.
import { DiagLogLevel, diag } from '@opentelemetry/api';
import type { Logger } from 'pino';

const QUIET_MS = 60_000;

/** The SDK's diagnostics are global to a thread: the last caller gets them. */
export function reportExportTrouble(log: Logger, now: () => number = () => performance.now()): void {
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
  diag.setLogger(
    { error: report, warn: report, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
