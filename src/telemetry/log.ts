// Logs: pino, one JSON object a line on stdout, the same from every thread. What a line belongs to (trace,
// service) comes from the running scope, so nobody passes it by hand.
import { isatty } from 'node:tty';
import { type Logger, pino } from 'pino';
import type { Settings } from '../config.js';
import { shortText } from '../redaction/shown-text.js';
import { currentScope } from '../scope.js';
import { EVERYTHING, installLevel, levelGate, levelNumber } from './log-level.js';
import { prettyLine } from './log-pretty.js';
import { type LogSink, stdoutSink } from './log-sink.js';

export interface LogIdentity {
  /** Row of this worker, 1..WORKERS; undefined in the primary, whose lines carry no `worker`. */
  readonly worker?: number;
}

/** What a caller's own fields must not be written beside: JSON keys have to be unique. */
const SCOPED = ['service', 'worker'] as const;

/** What most modules need of a logger. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/**
 * The logger of this thread. Children with a `service` of their own (start-up code of a service, outside any
 * request) keep it; otherwise it is the scope's.
 * @param sink where lines go; default: standard output, which may be slow or closed without harm
 * @param lowest level that is written now, asked at every line; default: that of the settings, for good
 */
export function createLogger(
  settings: Pick<Settings, 'logLevel' | 'logFormat'>,
  identity: LogIdentity = {},
  sink: LogSink = stdoutSink(),
  lowest: () => number = always(levelNumber(settings.logLevel)),
): Logger {
  const bound = new WeakMap<Logger, ReadonlySet<string>>();
  const format = settings.logFormat === 'pretty' ? prettyLine(isatty(1)) : (line: string) => line;

  const root = pino(
    {
      level: EVERYTHING,
      hooks: { logMethod: levelGate(lowest) },
      mixin: (_fields, _level, logger) => fieldsOf(identity, bound.get(logger as Logger)),
      onChild: (child) => {
        const bindings = child.bindings();
        bound.set(child, new Set(SCOPED.filter((name) => name in bindings)));
      },
      // Fields are plain by now. A message has its secrets until all that belongs into it is there.
      serializers: {
        err: (value: unknown) => value,
        msg: (text: unknown) => (typeof text === 'string' ? shortText(text) : text),
      },
    },
    { write: (line: string) => sink.write(line, format) },
  );
  installLevel(root, lowest);
  return root;
}

const always = (level: number) => () => level;

/** A fresh object: pino writes the caller's fields into it. */
function fieldsOf(identity: LogIdentity, bound: ReadonlySet<string> | undefined): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  if (identity.worker !== undefined && !bound?.has('worker')) fields.worker = identity.worker;
  const scope = currentScope();
  if (scope === undefined) return fields;
  if (scope.service !== undefined && !bound?.has('service')) fields.service = scope.service;
  const { traceId, spanId } = scope.trace;
  fields.trace_id = traceId;
  fields.span_id = spanId;
  return fields;
}
