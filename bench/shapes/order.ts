// The body of the echo shape: about 1 KiB of JSON with every kind of value that a service meets.

export const ORDER = {
  id: 4711,
  name: 'Ada Lovelace',
  email: 'ada.lovelace@example.com',
  tags: ['express', 'gift', 'fragile', 'insured', 'weekend', 'returning customer', 'newsletter', 'b2c'],
  address: { street: '12 St James’s Square', city: 'London', zip: 'SW1Y 4JH' },
  note: 'Please ring twice and leave the parcel with the neighbour on the second floor. '
    .repeat(10)
    .trimEnd(),
};

/** The bytes that are sent, and that every server must send back. */
export const ORDER_JSON = JSON.stringify(ORDER);

/** Bodies that the validation of every server must refuse with a 4xx. */
export const INVALID_ORDERS: Readonly<Record<string, string>> = {
  'an id that is text': JSON.stringify({ ...ORDER, id: 'x' }),
  'no note': JSON.stringify({ ...ORDER, note: undefined }),
  'an empty name': JSON.stringify({ ...ORDER, name: '' }),
  'a name of 101 characters': JSON.stringify({ ...ORDER, name: 'x'.repeat(101) }),
  'a tag that is an object': JSON.stringify({ ...ORDER, tags: [{}] }),
  '17 tags': JSON.stringify({ ...ORDER, tags: Array.from({ length: 17 }, String) }),
  'an address without a city': JSON.stringify({ ...ORDER, address: { street: 's', zip: 'z' } }),
  'a note of 1,001 characters': JSON.stringify({ ...ORDER, note: 'x'.repeat(1001) }),
  'half a body': ORDER_JSON.slice(0, ORDER_JSON.length / 2),
};
