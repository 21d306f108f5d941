// The text of a line about an export that has failed: of what, to which address, and what to do about it.
import { maskEncoded } from '../redaction/encoded-texts.js';
import type { DropReason } from './dropped-spans.js';
import type { OtlpSignal } from './otlp-options.js';

export type OtlpDropReason = DropReason | 'unreadable';

/** What to do, by the reason for which items are dropped. */
const STEPS: Readonly<Partial<Record<OtlpDropReason, string>>> = {
  unreachable: 'check that a collector listens there, and OTEL_EXPORTER_OTLP_ENDPOINT',
  timeout: 'check the load of the collector and the network; OTEL_EXPORTER_OTLP_TIMEOUT bounds a request',
  refused: 'read the log of the collector, and check OTEL_EXPORTER_OTLP_HEADERS and the path of the address',
  unreadable: 'they cannot be written; `reason` says why',
};
const STEP = 'check that a collector listens there, its log, and OTEL_EXPORTER_OTLP_ENDPOINT and _HEADERS';

/** @param reason why items were dropped, where it is known */
export const exportFailed = (signal: OtlpSignal, endpoint: string, reason?: OtlpDropReason): string =>
  `export of ${signal} to ${shown(endpoint)} failed; what was not sent is dropped and counted; ` +
  ((reason && STEPS[reason]) ?? STEP);

/** The address without user, password and query, which may have secrets. */
function shown(endpoint: string): string {
  const { origin, pathname } = new URL(endpoint);
  return maskEncoded(origin + pathname);
}
