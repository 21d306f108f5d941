// Which files are accepted. The type that a client claims proves nothing, so the first bytes decide.

/** The types by the extensions of their names. */
export const TYPES = {
  gif: 'image/gif',
  jpg: 'image/jpeg',
  pdf: 'application/pdf',
  png: 'image/png',
};

/** Bytes with which files of a type begin. */
const BEGINNINGS = {
  gif: Buffer.from('GIF8'),
  jpg: Buffer.from([0xff, 0xd8, 0xff]),
  pdf: Buffer.from('%PDF-'),
  png: Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
};

/** As many bytes of a file are needed. */
export const HEAD_BYTES = 8;

/** @param {Buffer} head the first bytes of a file @returns {string | undefined} its extension */
export function extensionOf(head) {
  const isOf = ([, beginning]) => head.subarray(0, beginning.length).equals(beginning);
  return Object.entries(BEGINNINGS).find(isOf)?.[0];
}
