// A sink that writes the log lines of commands to stderr, because stdout is for the output of the command.
import type { LogSink } from './log-sink.js';

export const stderrSink: LogSink = {
  write: (line, format) => void process.stderr.write(format(line)),
  flush() {},
};
