// Bodies of the echo route: one that is sent back, and those that must be refused.

const order = {
  id: 4711,
  name: 'Ada Lovelace',
  email: 'ada.lovelace@example.com',
  tags: ['express', 'gift', 'fragile', 'insured'],
  address: { street: '12 St James’s Square', city: 'London', zip: 'SW1Y 4JH' },
  note: 'Please ring twice and leave the parcel with the neighbour. '.repeat(13).trimEnd(),
};

export const VALID = JSON.stringify(order);

export const INVALID: Readonly<Record<string, string>> = {
  'an id that is text': JSON.stringify({ ...order, id: 'x' }),
  'no note': JSON.stringify({ ...order, note: undefined }),
  'an empty name': JSON.stringify({ ...order, name: '' }),
  'a name of 101 characters': JSON.stringify({ ...order, name: 'x'.repeat(101) }),
  'a tag that is a number': JSON.stringify({ ...order, tags: [{}] }),
  '17 tags': JSON.stringify({ ...order, tags: Array.from({ length: 17 }, String) }),
  'an address without a city': JSON.stringify({ ...order, address: { street: 's', zip: 'z' } }),
  'a note of 1,001 characters': JSON.stringify({ ...order, note: 'x'.repeat(1001) }),
  'half a body': VALID.slice(0, VALID.length / 2),
};
