// Bodies and responses that are not JSON by a schema of the route: the options `consumes` and `produces`.
import type { Direction, DocumentSchemas } from './document-schemas.js';
import type { MediaTypes } from './route-docs.js';

type Json = Readonly<Record<string, unknown>>;

/** The member `content` of the document, by media type. */
export function mediaContent(
  schemas: DocumentSchemas,
  types: MediaTypes | undefined,
  direction: Direction,
): Readonly<Record<string, Json>> {
  if (types === undefined) return {};
  if (typeof types === 'string') return { [types]: { schema: schemaFor(types) } };
  if (isList(types)) return Object.fromEntries(types.map((type) => [type, { schema: schemaFor(type) }]));
  return Object.fromEntries(
    Object.entries(types).map(([type, schema]) => [type, { schema: schemas.of(schema, direction) }]),
  );
}

const isList = (types: MediaTypes): types is readonly string[] => Array.isArray(types);

function schemaFor(type: string): Json {
  if (/^text\/event-stream\b/i.test(type))
    return { type: 'string', description: 'Server-sent events, as long as the client stays.' };
  if (/^(?:text\/|application\/(?:.+\+)?xml\b)/i.test(type)) return { type: 'string' };
  if (/^(?:multipart\/|application\/x-www-form-urlencoded\b)/i.test(type)) return { type: 'object' };
  if (/^application\/(?:.+\+)?json\b/i.test(type)) return {};
  return { type: 'string', format: 'binary' };
}
