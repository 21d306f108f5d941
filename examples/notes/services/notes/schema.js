// What clients send, and what they get. A request that does not match is 422 with the path of each fault; a
// response has the listed members only.
import { Type } from 'multilane';

/** Ids are `bigint` in the database, and at most 2^53 - 1, so that every JSON number is exact. */
const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

// PostgreSQL stores no U+0000.
const Title = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000-\\u001f]+$' });
const Text = Type.String({ maxLength: 10_000, pattern: '^[^\\u0000]*$' });

export const ById = Type.Object({ id: Id });

export const NewNote = Type.Object({ title: Title, text: Type.Optional(Text) });

export const NoteChange = Type.Partial(Type.Object({ title: Title, text: Text }), { minProperties: 1 });

export const Merge = Type.Object({ from: Id });

export const Note = Type.Object({
  id: Id,
  title: Type.String(),
  text: Type.String(),
  createdAt: Type.String({ format: 'date-time' }),
});

export const PageQuery = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
  cursor: Type.Optional(Type.String({ maxLength: 100 })),
});

export const Page = Type.Object({
  items: Type.Array(Note),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
});
