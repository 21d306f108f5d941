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

/** A body that the validation of every server must refuse with a 4xx: a required member has another type. */
export const INVALID_ORDER_JSON = JSON.stringify({ ...ORDER, id: 'x', tags: 7 });
