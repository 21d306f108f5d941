// Shortens a log line to a limit: long strings are cut until the line fits. It stays a JSON object.

const ELLIPSIS = '…';
/** Lengths that strings are cut to, tried one after the other. */
const STEPS = [1024, 256, 64];
/** Fields that are never omitted. */
const KEPT = 'level time pid hostname logger worker service trace_id span_id'.split(' ');
const LAST_MESSAGE = 256;

/**
 * @param line one JSON object and a newline
 * @param limit bytes, newline included
 * @returns a line within the limit (of at least 1 KiB) that carries `truncated: true`
 */
export function shortenLine(line: string, limit: number): string {
  const fields = JSON.parse(line) as Record<string, unknown>;
  for (const longest of STEPS) {
    const shortened = `${JSON.stringify({ ...(cut(fields, longest) as object), truncated: true })}\n`;
    if (Buffer.byteLength(shortened) <= limit) return shortened;
  }
  const rest: Record<string, unknown> = {};
  for (const name of KEPT) if (fields[name] !== undefined) rest[name] = cut(fields[name], STEPS.at(-1)!);
  return `${JSON.stringify({ ...rest, msg: cut(fields.msg, LAST_MESSAGE), truncated: true })}\n`;
}

function cut(value: unknown, longest: number): unknown {
  if (typeof value === 'string') {
    return value.length > longest ? wholeCharacters(value, longest) + ELLIPSIS : value;
  }
  if (Array.isArray(value)) return value.map((item) => cut(item, longest));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, cut(item, longest)]));
}

/** The first characters of a text. It never ends in half of a surrogate pair. */
function wholeCharacters(text: string, count: number): string {
  const last = text.charCodeAt(count - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? count - 1 : count);
}
