import { randomBytes } from 'node:crypto';

/** A code that cannot be guessed: 48 random bits as 8 characters of base64url. */
export const newCode = (): string => randomBytes(6).toString('base64url');
