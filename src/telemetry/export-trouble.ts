// Writes the diagnostics of the OpenTelemetry SDK (a collector that is down, dropped spans) to our log. A
// collector that stays down causes one with every batch of every worker, so at most one line a minute is
// written.
import type { Logger } from 'pino';
import { runOutsideScopes } from '../scope.js';
import type { OtelSdk } from './otel-sdk.js';

const QUIET_MS = 60_000;

/** The SDK's message when the collector accepted only a part of a batch. The collector's reply follows it. */
const PARTIAL_SUCCESS = 'Received Partial Success response:';

/**
 * Starts the reports. The SDK's diagnostics are global to a thread, so only the last caller gets them.
 * @param refused called with the number of spans of a batch that the collector rejected
 */
export function reportExportTrouble(
  api: OtelSdk['api'],
  log: Logger,
  refused: (spans: number) => void,
  now: () => number = () => performance.now(),
): void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  let suppressed = 0;
  const report = (...diagnostic: unknown[]): void => {
    const [message, reply] = diagnostic;
    if (message === PARTIAL_SUCCESS) refused(rejectedIn(String(reply)));
    if (now() < quietUntil) {
      suppressed++;
      return;
    }
    const fields = { detail: diagnostic.map(String).join(' '), suppressed };
    // The SDK sends a batch in the context of the request whose span began it.
    runOutsideScopes(() => log.warn(fields, 'tracing: export trouble'));
    quietUntil = now() + QUIET_MS;
    suppressed = 0;
  };
  const ignore = (): void => {};
  api.diag.setLogger(
    { error: report, warn: report, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: api.DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

/** The member is a number or a string: https://opentelemetry.io/docs/specs/otlp/#partial-success-1. */
function rejectedIn(reply: string): number {
  const spans = Number(/"rejectedSpans":"?(\d{1,9})/.exec(reply)?.[1]);
  return Number.isSafeInteger(spans) ? spans : 0;
}
