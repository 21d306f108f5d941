// Coerces text to the types of a schema: values of the path, the query and headers arrive as text. Only text
// in the form of the type is converted. For an integer "7" is, while "07", "7.0" and "7abc" stay text, which
// then fails the schema. For a number every number of JSON is converted.
import type { TSchema } from '@sinclair/typebox';

export type Raw = string | readonly string[] | undefined;
export type Coerce = (raw: Raw) => unknown;

const INTEGER = /^-?(?:0|[1-9]\d*)$/;
/** RFC 8259 section 6. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** @returns a function for the raw value of a property; the default of the schema replaces a missing value */
export function compileCoercion(schema: TSchema): Coerce {
  const convert = conversion(schema);
  const fallback = schema.default as unknown;
  return (raw) => (raw === undefined ? structuredClone(fallback) : convert(raw));
}

function conversion(schema: TSchema): (raw: NonNullable<Raw>) => unknown {
  if (schema.type === 'array') {
    const item = conversion(schema.items as TSchema);
    return (raw) => (typeof raw === 'string' ? [item(raw)] : raw.map(item));
  }
  const scalar = scalarOf(schema);
  // A repeated value stays a list, which no scalar schema accepts.
  return (raw) => (typeof raw === 'string' ? scalar(raw) : raw);
}

function scalarOf(schema: TSchema): (text: string) => unknown {
  if (schema.anyOf !== undefined) {
    const members = (schema.anyOf as TSchema[]).map(scalarOf);
    // The first member that converts the text decides; a string member leaves it as it is.
    return (text) => {
      for (const member of members) {
        const value = member(text);
        if (value !== text) return value;
      }
      return text;
    };
  }
  switch (schema.type) {
    case 'integer':
      return (text) => (INTEGER.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : text);
    case 'number':
      return (text) => (NUMBER.test(text) && Number.isFinite(Number(text)) ? Number(text) : text);
    case 'boolean':
      return (text) => (text === 'true' ? true : text === 'false' ? false : text);
    default:
      return (text) => text;
  }
}
