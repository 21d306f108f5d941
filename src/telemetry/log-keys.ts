// The keys of a line that say what it is, when and where it was written, and in which trace. A field of the
// caller never replaces them, because a line is found by them: such a field is written under another key.

type Fields = Record<string, unknown>;

/** Keys that every line has. */
const ALWAYS = ['level', 'time', 'pid', 'hostname'] as const;
/**
 * Keys of lines that are written in a request, a call or a task. Code of a service never sets them, because
 * it may log an object of a client, who knows the trace.
 */
const IN_SCOPE = ['trace_id', 'span_id'] as const;
/** The place that a line is about. The runtime itself also writes lines about other workers and services. */
const PLACE = ['worker', 'service'] as const;
const MESSAGE = 'msg';
/**
 * Names the log of the runtime that a line belongs to, for lines on which programs rely. Only the runtime
 * sets it: the message of a line may be any text, also one that a client has sent.
 */
const LOGGER = 'logger';

/** The values of `logger`. */
export const REQUEST_LOG = 'request';
export const SLOW_REQUEST_LOG = 'slow-request';
export const AUDIT_LOG = 'audit';

/** Keys that code of a service never sets. */
const OF_SERVICE = [...PLACE, ...IN_SCOPE, LOGGER] as const;

/** `time` becomes `field_time`, or `field_field_time` beside a field that is called `field_time`. */
export function renamed(fields: Fields, names: readonly string[]): Fields {
  let result = fields;
  for (const name of names) {
    if (!Object.hasOwn(result, name)) continue;
    const { [name]: value, ...others } = result;
    let other = `field_${name}`;
    while (Object.hasOwn(others, other)) other = `field_${other}`;
    result = { ...others, [other]: value };
  }
  return result;
}

/**
 * The fields of a line.
 * @param scoped the fields of the scope, whose trace is that of the line
 * @param isOfRuntime false for a logger that code of a service may have
 */
export function withOwnKeys(fields: object, scoped: object, isOfRuntime: boolean): object {
  const own = scoped as Fields;
  const others = fields as Fields;
  const taken = isOfRuntime ? takenFromRuntime(own, others) : OF_SERVICE;
  return { ...own, ...renamed(others, [...ALWAYS, ...taken]) };
}

/** The keys that a line of the runtime itself does not have from its caller. */
function takenFromRuntime(own: Fields, others: Fields): readonly string[] {
  // A line about another span of the same trace names it: that of a call within the process, for example.
  const isSameTrace = others.trace_id === own.trace_id;
  return isSameTrace ? [] : IN_SCOPE.filter((name) => own[name] !== undefined);
}

/** Names that pino omits among bound fields, and a method of the fields that it calls. */
const OF_PINO = ['serializers', 'formatters', 'customLevels', 'hasOwnProperty'] as const;

/**
 * The fields that are bound to a logger, whose lines may be written in any scope.
 * @param isOfRuntime false when the logger, or the parent of a new one, may be that of a service
 */
export const boundFields = (fields: Fields, isOfRuntime: boolean): Fields =>
  renamed(fields, [...ALWAYS, MESSAGE, ...(isOfRuntime ? IN_SCOPE : OF_SERVICE), ...OF_PINO]);

/** The fields that a formatter of levels has made. They must have a level, because a line begins with it. */
export const levelFields = ({ level, ...others }: Fields, label: unknown): Fields => ({
  level: level ?? label,
  ...renamed(others, [...ALWAYS, MESSAGE, ...OF_SERVICE]),
});

/**
 * The fields that a formatter of a child logger has made. It may have merged an object of a client into them,
 * so keys of the line are those that it was given, or omitted.
 */
export function formattedFields(made: Fields, given: Fields): Fields {
  const isOther = (name: string): boolean => made[name] !== undefined && made[name] !== given[name];
  const others = [...ALWAYS, ...OF_SERVICE].filter(isOther);
  const own = others.filter((name) => given[name] !== undefined).map((name) => [name, given[name]] as const);
  // It is not given the message of a call that has one.
  const fields = given.msg === undefined ? renamed(made, [MESSAGE]) : made;
  return { ...renamed(fields, others), ...Object.fromEntries(own) };
}

/**
 * The fields of a logging call. A field `msg` is the message of a call that has no other one, as in pino.
 * @param message of the call
 */
export const messageFields = (fields: Fields, message: unknown): Fields =>
  message === undefined ? fields : renamed(fields, [MESSAGE]);
