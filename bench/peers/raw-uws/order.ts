// The validation of the echo route, written by hand as one would without a framework.

const isText = (value: unknown, max = Number.MAX_SAFE_INTEGER): boolean =>
  typeof value === 'string' && value.length <= max;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function isOrder(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { id, name, email, tags, address, note } = value;
  return (
    Number.isInteger(id) &&
    isText(name, 100) &&
    name !== '' &&
    isText(email) &&
    Array.isArray(tags) &&
    tags.length <= 16 &&
    tags.every((tag) => isText(tag)) &&
    isObject(address) &&
    isText(address.street) &&
    isText(address.city) &&
    isText(address.zip) &&
    isText(note, 1000)
  );
}
