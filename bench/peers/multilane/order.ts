import { Type } from 'multilane';

export const Order = Type.Object({
  id: Type.Integer(),
  name: Type.String({ minLength: 1, maxLength: 100 }),
  email: Type.String(),
  tags: Type.Array(Type.String(), { maxItems: 16 }),
  address: Type.Object({ street: Type.String(), city: Type.String(), zip: Type.String() }),
  note: Type.String({ maxLength: 1000 }),
});
