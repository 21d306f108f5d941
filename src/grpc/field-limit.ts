// The bound of what a message decodes to. A message within a message takes two bytes when it is sent, and all
// fields of its type when it is decoded, so a bound of bytes is not enough.

/**
 * The most fields of one decoded message: those of all messages in it, whether they were sent or not, each
 * entry of a map, and each text, bytes and 64-bit integer in a list. A million fields take 50 to 200 MB.
 */
export const MAX_FIELDS = 1_000_000;

/** A message that decodes to more than `MAX_FIELDS`. */
export class FieldLimitError extends Error {
  constructor() {
    super(`the message has more than ${MAX_FIELDS} fields`);
    this.name = 'FieldLimitError';
  }
}
