// Log lines of commands: stdout carries what the command was asked for.
import type { LogSink } from '../telemetry/log-sink.js';

export const stderrSink: LogSink = {
  write: (line, format) => void process.stderr.write(format(line)),
  flush() {},
};
