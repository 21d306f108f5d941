// The JSON Schema of the echo route, for the frameworks that take one.

const text = { type: 'string' };

const members = {
  id: { type: 'integer' },
  name: { type: 'string', minLength: 1, maxLength: 100 },
  email: text,
  tags: { type: 'array', items: text, maxItems: 16 },
  address: {
    type: 'object',
    required: ['street', 'city', 'zip'],
    properties: { street: text, city: text, zip: text },
  },
  note: { type: 'string', maxLength: 1000 },
};

export const orderSchema = { type: 'object', required: Object.keys(members), properties: members };
