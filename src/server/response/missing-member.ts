// Finds the member that a value lacks although its response schema requires it. The serializer refuses such a
// value by the name of the member alone; this runs only after that.

type Plain = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * @param schema a JSON Schema; alternatives (`anyOf`) and references are not followed
 * @returns the JSON Pointer of the first member that is missing, undefined when none is found
 */
export function missingMember(schema: unknown, given: unknown): string | undefined {
  if (!isObject(schema)) return undefined;
  const { required, properties, items, allOf } = schema;
  if (Array.isArray(given)) return firstOf(given.entries(), () => items);
  if (typeof given !== 'object' || given === null) return undefined;
  const value: unknown = 'toJSON' in given && typeof given.toJSON === 'function' ? given.toJSON('') : given;
  if (!isObject(value)) return undefined;
  const missing = namesOf(required).find((name) => value[name] === undefined);
  if (missing !== undefined) return `/${missing}`;
  const schemas = isObject(properties) ? properties : {};
  for (const part of Array.isArray(allOf) ? allOf : []) {
    const inPart = missingMember(part, value);
    if (inPart !== undefined) return inPart;
  }
  return firstOf(Object.entries(value), (name) => schemas[name]);
}

const namesOf = (required: unknown): readonly string[] =>
  Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [];

function firstOf<K extends string | number>(
  entries: Iterable<readonly [K, unknown]>,
  schemaOf: (key: K) => unknown,
): string | undefined {
  for (const [key, member] of entries) {
    const path = missingMember(schemaOf(key), member);
    if (path !== undefined) return `/${key}${path}`;
  }
  return undefined;
}
