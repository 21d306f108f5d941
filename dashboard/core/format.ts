// Numbers, times and texts as the pages show them.

const NONE = '–';
const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

type Numeric = number | null | undefined;

const isNumber = (value: Numeric): value is number => typeof value === 'number' && Number.isFinite(value);

export const count = (value: Numeric): string => (isNumber(value) ? grouped.format(value) : NONE);

/** A number with its noun: `1 trace`, `1,024 traces`. */
export const counted = (n: Numeric, one: string, many = `${one}s`): string =>
  `${count(n)} ${n === 1 ? one : many}`;

/** Large numbers in few characters: 12.3k. */
export function short(value: Numeric): string {
  if (!isNumber(value)) return NONE;
  const size = Math.abs(value);
  if (size >= 1e9) return `${Number((value / 1e9).toFixed(1))}G`;
  if (size >= 1e6) return `${Number((value / 1e6).toFixed(1))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toFixed(1))}k`;
  return Number.isInteger(value) ? count(value) : rate(value);
}

export function rate(value: Numeric): string {
  if (!isNumber(value)) return NONE;
  if (value === 0) return '0';
  if (Math.abs(value) < 0.1) return value.toFixed(2);
  return Math.abs(value) < 10 ? value.toFixed(1) : grouped.format(value);
}

export function ms(value: Numeric): string {
  if (!isNumber(value)) return NONE;
  if (value === 0) return '0 ms';
  if (value < 1) return `${value.toFixed(2)} ms`;
  if (value < 10) return `${Number(value.toFixed(1))} ms`;
  if (value < 1000) return `${Math.round(value)} ms`;
  return seconds(value / 1000);
}

export function seconds(value: Numeric): string {
  if (!isNumber(value)) return NONE;
  if (value < 10) return `${Number(value.toFixed(value < 1 ? 2 : 1))} s`;
  if (value < 60) return `${Math.round(value)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`;
  if (value < 86_400) return `${Math.floor(value / 3600)} h ${Math.floor((value % 3600) / 60)} min`;
  return `${Math.floor(value / 86_400)} d ${Math.floor((value % 86_400) / 3600)} h`;
}

export function percent(ratio: Numeric): string {
  if (!isNumber(ratio)) return NONE;
  const value = ratio * 100;
  if (value > 0 && value < 0.1) return '< 0.1 %';
  return `${value > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} %`;
}

export function bytes(value: Numeric): string {
  if (!isNumber(value)) return NONE;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/** What is used, and the limit if there is one, in their unit. */
export function usage(used: Numeric, limit: Numeric, unit: string): string {
  if (unit === 'ratio') return isNumber(limit) ? '' : percent(used);
  const show = unit === 'bytes' ? bytes : short;
  const of = isNumber(limit) ? ` of ${show(limit)}` : '';
  const isOne = (isNumber(limit) ? limit : used) === 1;
  const named = isOne ? unit.replace(/s$/, '') : unit;
  return `${show(used)}${of}${unit === 'bytes' || unit === '' ? '' : ` ${named}`}`;
}

export function ago(iso: string | null | undefined, now = Date.now()): string {
  const then = Date.parse(iso ?? '');
  if (Number.isNaN(then)) return NONE;
  const passed = Math.floor((now - then) / 1000);
  if (passed < 1) return 'now';
  if (passed < 60) return `${passed} s ago`;
  if (passed < 3_600) return `${Math.floor(passed / 60)} min ago`;
  return `${seconds(passed)} ago`;
}

export function clock(iso: string | number | null | undefined): string {
  const time = typeof iso === 'number' ? iso : Date.parse(iso ?? '');
  return Number.isNaN(time) ? NONE : new Date(time).toLocaleTimeString('en-GB');
}

export function dateTime(iso: string | null | undefined): string {
  const time = Date.parse(iso ?? '');
  return Number.isNaN(time) ? NONE : new Date(time).toISOString().replace('T', ' ').replace('Z', ' UTC');
}

const MAX_TEXT = 4_000;
/** Control characters, those that change the direction of the text around them, and those unseen. */
const UNSEEN = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/**
 * A text of another process, of at most 4,000 characters, in which characters that are not seen or that
 * reorder the text are written as escapes.
 */
export function plain(text: unknown): string {
  const whole = typeof text === 'string' ? text : (JSON.stringify(text) ?? '');
  const cut =
    whole.length > MAX_TEXT ? `${whole.slice(0, MAX_TEXT)} … (${count(whole.length)} characters)` : whole;
  return cut.replace(UNSEEN, escaped);
}

function escaped(one: string): string {
  const code = one.codePointAt(0)!.toString(16);
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
}

/** JSON over several lines, made as `plain` does. */
export const json = (value: unknown): string =>
  plain(value === undefined ? '' : (JSON.stringify(value, null, 2) ?? ''));
