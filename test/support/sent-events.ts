// Server-sent events as their client reads them.
import type { ServerSentEvent } from '#src/admin/admin-route.js';

export interface SentEvent extends ServerSentEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

/** @param bytes whole events with one line of data each */
export const sentEvents = (bytes: Buffer): SentEvent[] =>
  String(bytes)
    .split('\n\n')
    .filter((frame) => frame !== '')
    .map((frame) => {
      const fields = frame.split('\n').map((line) => [line.slice(0, line.indexOf(':')), fieldOf(line)]);
      return { event: '', id: '', data: '', ...Object.fromEntries(fields) } as SentEvent;
    });

const fieldOf = (line: string): string => line.slice(line.indexOf(':') + 2);
