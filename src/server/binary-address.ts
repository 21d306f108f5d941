// Text of binary IP addresses, as the core reports them.

/**
 * @param bytes 4 (IPv4) or 16 (IPv6) bytes in network order
 * @returns dotted decimal for IPv4, also when it is mapped into IPv6; the form of RFC 5952 for IPv6; an empty
 *   string for any other length
 */
export function addressText(bytes: Uint8Array | readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return '';
  const isMapped = bytes[10] === 0xff && bytes[11] === 0xff && bytes.slice(0, 10).every((b) => b === 0);
  if (isMapped) return bytes.slice(12).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  const { start, length } = longestZeroRun(groups);
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}

/** The bytes of an address, as a list of its own: the core uses its memory again. */
export function bytesOf(address: ArrayBuffer): readonly number[] {
  const view = new Uint8Array(address);
  const bytes: number[] = [];
  for (let i = 0; i < view.length; i++) bytes.push(view[i]!);
  return bytes;
}

function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === '0') end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}
