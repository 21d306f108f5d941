// The text of a PDF file made with standard fonts, for tests that must not depend on an installed viewer:
// every content stream inflated, every string it shows joined (ISO 32000-1, 7.3.8 and 9.4.3).
import { inflateSync } from 'node:zlib';

const STREAM = /stream\r?\n([\s\S]*?)\r?\nendstream/g;
const SHOWN = /\[((?:<[0-9a-f]*>|[\s\d.-])*)\]\s*TJ|<([0-9a-f]*)>\s*Tj/gi;

const decode = (hex: string): string => Buffer.from(hex, 'hex').toString('latin1');

function inflated(stream: string): string {
  const bytes = Buffer.from(stream, 'latin1');
  return (bytes[0]! & 0x0f) === 8 ? inflateSync(bytes).toString('latin1') : stream;
}

/** Returns one line for each string. @throws Error when the cross-reference is not at the trailer's offset */
export function pdfText(file: Buffer): string {
  const text = file.toString('latin1');
  const reference = Number(/startxref\s+(\d+)\s+%%EOF\s*$/.exec(text)?.[1]);
  if (!text.startsWith('xref', reference)) throw new Error('not a whole PDF file: no cross-reference table');
  const lines: string[] = [];
  for (const [, stream = ''] of text.matchAll(STREAM)) {
    for (const [, array, single] of inflated(stream).matchAll(SHOWN)) {
      const parts =
        array === undefined ? [single ?? ''] : [...array.matchAll(/<([0-9a-f]*)>/gi)].map((m) => m[1]!);
      lines.push(parts.map(decode).join(''));
    }
  }
  return lines.join('\n');
}
