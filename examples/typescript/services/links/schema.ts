// One declaration gives the schema, by which requests are checked, and the type, by which the compiler checks the code.
import { type Static, Type } from 'multilane';

export const NewLink = Type.Object({
  target: Type.String({ format: 'uri', pattern: '^https?://', maxLength: 2000 }),
});
export type NewLink = Static<typeof NewLink>;

export const Link = Type.Object({ code: Type.String(), target: Type.String(), visits: Type.Integer() });
export type Link = Static<typeof Link>;
