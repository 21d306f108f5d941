// Texts of keys and values, as the HTTP gateway of etcd has them: bytes are Base64.

export const base64 = (text: string): string => Buffer.from(text).toString('base64');
export const textOf = (encoded: string): string => Buffer.from(encoded, 'base64').toString();

/**
 * The range of all keys below a prefix: the first key after them ends with the next character.
 * @param prefix ends with a slash
 */
export const rangeBelow = (prefix: string) => ({
  key: base64(prefix),
  range_end: base64(`${prefix.slice(0, -1)}0`),
});
