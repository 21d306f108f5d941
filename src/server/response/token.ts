// Tokens of HTTP (RFC 9110 section 5.6.2): names of fields, parameters and subprotocols.

/** The source of a regular expression for one token. */
export const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";

const WHOLE = new RegExp(`^${TOKEN}$`);

export const isToken = (text: string): boolean => WHOLE.test(text);
