/** The text of a record, which depends on its number in all its length. */
export const recordText = (number: number): string =>
  `${number}:${String.fromCharCode(97 + (number % 26)).repeat((number * 37) % 700)}`;
