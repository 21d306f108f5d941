// The logger, made with pino: one JSON object per line on stdout, from every thread. The trace and the
// service of a line come from the running scope.
import { isatty } from 'node:tty';
import { type Logger, pino } from 'pino';
import type { Settings } from '../config.js';
import { shortText } from '../redaction/shown-text.js';
import { currentScope } from '../scope.js';
import { withOwnKeys } from './log-keys.js';
import { EVERYTHING, installLevel, levelGate, levelNumber } from './log-level.js';
import { prettyLine } from './log-pretty.js';
import { type LogSink, stdoutSink } from './log-sink.js';

export interface LogIdentity {
  /** Number of this worker, 1..WORKERS; undefined in the primary, whose lines carry no `worker`. */
  readonly worker?: number;
}

/**
 * Fields that a line takes from the scope, unless the logger is bound to a value of its own: JSON keys must
 * be unique.
 */
const SCOPED = ['service', 'worker'] as const;

/** The methods of a logger that most modules need. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/**
 * Creates the logger of this thread, for the runtime itself. A child of it that is bound to a `service` keeps
 * it (start-up code of a service, outside any request); otherwise lines have the service of the scope. Code
 * of services gets children, whose lines cannot be about another service or worker.
 * @param sink writes the lines; default: standard output, which may be slow or closed without harm
 * @param lowest returns the number of the lowest level that is written now and is called at every line;
 *   default: always the level of the settings
 */
export function createLogger(
  settings: Pick<Settings, 'logLevel' | 'logFormat'>,
  identity: LogIdentity = {},
  sink: LogSink = stdoutSink(),
  lowest: () => number = always(levelNumber(settings.logLevel)),
): Logger {
  const bound = new WeakMap<Logger, ReadonlySet<string>>();
  const format = settings.logFormat === 'pretty' ? prettyLine(isatty(1)) : jsonLine;

  const root: Logger = pino(
    {
      level: EVERYTHING,
      hooks: { logMethod: levelGate(lowest) },
      mixin: (fields, _level, logger) =>
        withOwnKeys(fields, fieldsOf(identity, bound.get(logger as Logger)), logger === root),
      mixinMergeStrategy: (_fields, line) => line,
      onChild: (child) => {
        const bindings = child.bindings();
        bound.set(child, new Set(SCOPED.filter((name) => name in bindings)));
      },
      // The fields are already copied. Secrets in a message are masked here, after its placeholders are
      // filled.
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

/** Characters that some readers of lines take for line breaks, and that JSON need not escape. */
const BREAKS = /[\x7f-\x9f\u2028\u2029]/;
const ALL_BREAKS = new RegExp(BREAKS, 'g');

/** Escapes these characters, which can only be in the strings of a line. */
const jsonLine = (line: string): string =>
  BREAKS.test(line)
    ? line.replace(ALL_BREAKS, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
    : line;

const always = (level: number) => () => level;

/** The fields of the scope. */
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
