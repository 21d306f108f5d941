// The keys of a line that say what it is, when it was written and in which trace. A field of the caller never
// replaces them, because a line is found by them: such a field is written under another key.

type Fields = Record<string, unknown>;

/** Keys that every line has. */
const ALWAYS = ['level', 'time'] as const;
/** Keys of lines that are written in a request, a call or a task. */
const IN_SCOPE = ['trace_id', 'span_id'] as const;

/** `time` becomes `field_time`. */
function renamed(fields: Fields, names: readonly string[]): Fields {
  let result = fields;
  for (const name of names) {
    if (!Object.hasOwn(result, name)) continue;
    const { [name]: value, ...others } = result;
    result = { ...others, [`field_${name}`]: value };
  }
  return result;
}

/**
 * The fields of a line.
 * @param scoped a new object with the fields of the scope, whose trace is that of the line
 */
export function withOwnKeys(fields: object, scoped: object): object {
  const own = scoped as Fields;
  const others = fields as Fields;
  // A line about another span of the same trace names it: that of a call within the process, for example.
  const isSameTrace = others.trace_id === own.trace_id;
  const taken = isSameTrace ? [] : IN_SCOPE.filter((name) => own[name] !== undefined);
  return Object.assign(own, renamed(others, [...ALWAYS, ...taken]));
}

/** The fields that are bound to a logger, whose lines may be written in any scope. */
export const boundFields = (fields: Fields): Fields => renamed(fields, [...ALWAYS, ...IN_SCOPE]);
