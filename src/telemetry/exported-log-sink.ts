// Leaves a copy of each log line in a ring of shared memory, from which the primary exports it by OTLP
// (logs-export.ts). A thread neither waits for the export nor holds lines for it: a line that finds no room
// in the ring is dropped and counted. Lines of a thread that is lost are still exported.
import { MAX_RING_LINE, type RingMemory, RingWriter } from '../memory/line-ring.js';
import { shortenLine } from './log-shorten.js';
import type { LogSink } from './log-sink.js';

/** @param dropped called for each line that found no room */
export function exportedSink(sink: LogSink, memory: RingMemory, dropped: () => void): LogSink {
  const ring = new RingWriter(memory);
  return {
    write(line, format) {
      sink.write(line, format);
      let bytes = Buffer.from(line);
      if (bytes.length > MAX_RING_LINE) bytes = Buffer.from(shortenLine(line, MAX_RING_LINE));
      if (!ring.push(bytes)) dropped();
    },
    flush: (patienceMs) => sink.flush(patienceMs),
  };
}
