// What all readers of responses that undici receives have in common.

export const NO_BYTES = Buffer.alloc(0);

/**
 * Whether an error only means that a 304 has no body. It may have the length of the response that it stands
 * for (RFC 9110 section 8.6).
 */
export const isBodilessEnd = (status: number, error: Error): boolean =>
  status === 304 && (error as NodeJS.ErrnoException).code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH';

/** What undici gets as the reason of an abort. The caller gets the true one, which may be any value. */
export const abortError = (): Error => new Error('the request was aborted');
