// The `format` names that schemas may use. TypeBox has none of its own and refuses a name that it does not
// know.
import { isIPv4, isIPv6 } from 'node:net';
import { FormatRegistry, type TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';

/** Valid e-mail address of the HTML standard (section 4.10.5.1.5), at most 254 bytes (RFC 5321 4.5.3.1.3). */
const EMAIL =
  /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** RFC 3339 section 5.6. */
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIME = /^(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:Z|[+-](\d{2}):(\d{2}))$/i;

function isDate(text: string): boolean {
  const [, year, month, day] = DATE.exec(text) ?? [];
  if (year === undefined) return false;
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  return date.getUTCMonth() + 1 === Number(month) && date.getUTCDate() === Number(day);
}

function isTime(text: string): boolean {
  const [, hour, minute, second, offsetHour = '0', offsetMinute = '0'] = TIME.exec(text) ?? [];
  if (hour === undefined) return false;
  const inDay = Number(hour) < 24 && Number(minute) < 60 && Number(second) <= 60;
  return inDay && Number(offsetHour) < 24 && Number(offsetMinute) < 60;
}

const isDateTime = (text: string): boolean =>
  (text[10] === 'T' || text[10] === 't') && isDate(text.slice(0, 10)) && isTime(text.slice(11));

const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  email: (text) => text.length <= 254 && EMAIL.test(text),
  uuid: (text) => UUID.test(text),
  date: isDate,
  time: isTime,
  'date-time': isDateTime,
  uri: (text) => /^[a-z][a-z0-9+.-]*:/i.test(text) && URL.canParse(text),
  ipv4: isIPv4,
  ipv6: isIPv6,
};

/** The code of schemas that were compiled: making it again would nearly double the time that they take. */
const codes = new WeakMap<TSchema, string>();

/** Keeps the code of a schema for `unknownFormats`. */
export const keepCode = (schema: TSchema, check: TypeCheck<TSchema>): void => {
  codes.set(schema, check.Code());
};

/** A look-up of a format in the code that TypeBox makes of a schema. */
const LOOKED_UP = /\bformat\('((?:[^'\\]|\\.)*)', /g;

/**
 * The formats by which a schema checks texts and that are not registered: no text matches them.
 * @returns none for a schema that cannot be compiled
 */
export function unknownFormats(schema: TSchema): readonly string[] {
  registerFormats();
  try {
    const code = codes.get(schema) ?? TypeCompiler.Code(schema);
    const names = [...code.matchAll(LOOKED_UP)].map(([, name]) => name!.replace(/\\(.)/g, '$1'));
    return [...new Set(names)].filter((name) => !FormatRegistry.Has(name));
  } catch {
    return [];
  }
}

/** TypeBox has one registry of formats per thread. Formats that an application has registered stay. */
export function registerFormats(): void {
  for (const [name, check] of Object.entries(FORMATS)) {
    if (!FormatRegistry.Has(name)) FormatRegistry.Set(name, check);
  }
}
