// What TypeBox and fast-json-stringify know beyond JSON Schema 2020-12, written in its words.

export type Schema = Readonly<Record<string, unknown>>;

export const isPlainObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Types of JavaScript, as JSON has them. */
const OF_JAVASCRIPT: Readonly<Record<string, Schema>> = {
  Date: { type: 'string', format: 'date-time' },
  Uint8Array: { type: 'string', format: 'binary' },
  bigint: { type: 'integer' },
  RegExp: { type: 'string' },
  undefined: { not: {} },
  void: { not: {} },
};

/** Returns the schema with the same meaning, or the schema itself. Schemas in it are left as they are. */
export function withJsonTypes(schema: Schema): Schema {
  const { type, anyOf, items, nullable } = schema;
  if (nullable === true && typeof type === 'string') {
    const { nullable: _, ...rest } = schema;
    return withJsonTypes({ ...rest, type: [type, 'null'] });
  }
  if (Array.isArray(anyOf)) return asEnum(schema, anyOf as unknown[]);
  if (type === 'array' && Array.isArray(items)) return asTuple(schema);
  if (typeof type === 'string' && Object.hasOwn(OF_JAVASCRIPT, type)) {
    const { type: _, source, flags: _flags, ...rest } = schema;
    return { ...rest, ...(source === undefined ? {} : { pattern: source }), ...OF_JAVASCRIPT[type] };
  }
  return schema;
}

/** A union of constants of one type is an enumeration, which forms show as a list to choose from. */
function asEnum(schema: Schema, members: readonly unknown[]): Schema {
  const constants = members.filter(
    (member): member is Schema =>
      isPlainObject(member) &&
      member.const !== undefined &&
      Object.keys(member).every((name) => name === 'const' || name === 'type'),
  );
  const types = new Set(constants.map(({ type }) => type));
  if (members.length === 0 || constants.length < members.length || types.size !== 1) return schema;
  const { anyOf: _, ...rest } = schema;
  const [type] = types;
  return { ...(type === undefined ? {} : { type }), ...rest, enum: constants.map((one) => one.const) };
}

/** A list of schemas for the first items is called `prefixItems` since JSON Schema 2020-12. */
function asTuple({ items, additionalItems, ...rest }: Schema): Schema {
  return {
    ...rest,
    prefixItems: items,
    ...(additionalItems === undefined ? {} : { items: additionalItems }),
  };
}
