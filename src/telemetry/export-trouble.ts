// What the OpenTelemetry SDK has to complain about (a collector that is down, dropped spans) in our log.
// A collector that stays down would complain with every batch of every worker, so one line a minute.
import type { Logger } from 'pino';
import type { OtelSdk } from './otel-sdk.js';

const QUIET_MS = 60_000;

/** What the SDK says, and behind it the collector's answer, when that has taken a part of a batch only. */
const PARTIAL_SUCCESS = 'Received Partial Success response:';

/**
 * The SDK's diagnostics are global to a thread: the last caller gets them.
 * @param refused called with how many spans of a batch the collector has not taken
 */
export function reportExportTrouble(
  api: OtelSdk['api'],
  log: Logger,
  refused: (spans: number) => void,
  now: () => number = () => performance.now(),
): void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  let suppressed = 0;
  const report = (...said: unknown[]): void => {
    const [message, answer] = said;
    if (message === PARTIAL_SUCCESS) refused(rejectedOf(String(answer)));
    if (now() < quietUntil) {
      suppressed++;
      return;
    }
    log.warn({ detail: said.map(String).join(' '), suppressed }, 'tracing: export trouble');
    quietUntil = now() + QUIET_MS;
    suppressed = 0;
  };
  const ignore = (): void => {};
  api.diag.setLogger(
    { error: report, warn: report, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: api.DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

/** https://opentelemetry.io/docs/specs/otlp/#partial-success-1: a number, or a text of one. */
function rejectedOf(answer: string): number {
  const spans = Number(/"rejectedSpans":"?(\d{1,9})/.exec(answer)?.[1]);
  return Number.isSafeInteger(spans) ? spans : 0;
}
