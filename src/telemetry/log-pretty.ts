// Formats log lines for a person at a terminal: `12:00:00.123 INFO worker 1 users message key=value`. Stacks
// follow on lines of their own.
import { REQUEST_LOG, SLOW_REQUEST_LOG } from './log-keys.js';

const LEVELS: Readonly<Record<number, readonly [name: string, color: number]>> = {
  10: ['TRACE', 90],
  20: ['DEBUG', 36],
  30: ['INFO ', 32],
  40: ['WARN ', 33],
  50: ['ERROR', 31],
  60: ['FATAL', 35],
};
/** Fields that are not shown as `key=value`: they have a fixed position, or are useless at a terminal. */
const NOT_LISTED = new Set(['level', 'time', 'pid', 'hostname', 'worker', 'service', 'msg', 'span_id']);

/** Fields of a request that its text contains, or that only programs read. */
const IN_REQUEST = new Set(['logger', 'method', 'path', 'route', 'status', 'durationMs', 'requestId']);

type Fields = Readonly<Record<string, unknown>>;

/** A service may log a field `level` of its own, with any value. */
const levelOf = (level: unknown): readonly [name: string, color: number] =>
  (typeof level === 'number' ? LEVELS[level] : undefined) ?? ['     ', 37];

/** @param colors whether the reader is a terminal */
export function prettyLine(colors: boolean): (line: string) => string {
  const paint = (text: string, color: number): string => (colors ? `\x1b[${color}m${text}\x1b[0m` : text);

  return (line) => {
    const fields = JSON.parse(line) as Fields;
    const [level, color] = levelOf(fields.level);
    const time = new Date(fields.time as number).toTimeString().slice(0, 8);
    const ms = String((fields.time as number) % 1000).padStart(3, '0');
    const from = [
      fields.worker === undefined ? 'primary' : `worker ${plain(fields.worker)}`,
      ...(fields.service === undefined ? [] : [plain(fields.service)]),
    ].join(' ');
    const request = requestText(fields, paint);
    const rest = Object.entries(fields)
      .filter(
        ([name]) =>
          !NOT_LISTED.has(name) &&
          !isErrorField(name, fields) &&
          !(request !== undefined && IN_REQUEST.has(name)),
      )
      .map(([name, value]) => paint(`${plain(name)}=${plain(value)}`, 90));
    const head = [
      paint(`${time}.${ms}`, 90),
      paint(level, color),
      paint(from.padEnd(16), 34),
      request ?? plain(fields.msg),
    ];
    return `${[...head, ...rest].join(' ')}${isErrorField('err', fields) ? errorLines(fields.err, '\n    ') : ''}\n`;
  };
}

type Paint = (text: string, color: number) => string;

/** The text of a line about a request: `GET /api/users/7 200 3.2 ms`. @returns undefined for other lines */
function requestText({ logger, method, path, status, durationMs }: Fields, paint: Paint): string | undefined {
  if (logger !== REQUEST_LOG && logger !== SLOW_REQUEST_LOG) return undefined;
  if (typeof status !== 'number' || typeof durationMs !== 'number') return undefined;
  const color = status >= 500 ? 31 : status >= 400 ? 33 : 32;
  const slow = logger === REQUEST_LOG ? [] : [paint('slow', 33)];
  const took = `${durationMs} ms`;
  return [plain(method), plain(path), paint(String(status), color), took, ...slow].join(' ');
}

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');

/** Control characters, line separators, and characters that change the direction of a text. */
const UNSAFE = /[^\P{Cc}\t]|[\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/**
 * Escapes unsafe characters, so that text from outside can neither control the terminal nor imitate other log
 * lines.
 */
function plain(value: unknown): string {
  return textOf(value).replace(UNSAFE, (char) => {
    const code = char.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
  });
}

/** True for an error that is shown on lines of its own. Any other `err` is listed as other fields are. */
const isErrorField = (name: string, fields: Fields): boolean => name === 'err' && isObject(fields.err);

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

/** Members of an error that its stack contains, or that follow it on lines of their own. */
const IN_ERROR_LINES = new Set(['type', 'name', 'message', 'stack', 'aggregateErrors', 'errors']);

/**
 * The stack of an error, its other members such as a code, and the errors inside it, which are indented.
 * @param margin a line break and the indentation of each line
 */
function errorLines(err: unknown, margin: string): string {
  if (!isObject(err) || !('stack' in err)) return margin + plain(err);
  const stack = textOf(err.stack).split('\n');
  const members = Object.entries(err)
    .filter(([name]) => !IN_ERROR_LINES.has(name))
    .map(([name, value]) => `${plain(name)}=${plain(value)}`);
  const inner = [err.aggregateErrors, err.errors].flatMap((errors) => errors ?? []);
  return [
    ...stack.map((line) => margin + plain(line)),
    ...(members.length === 0 ? [] : [margin + members.join(' ')]),
    ...inner.map((one) => errorLines(one, `${margin}    `)),
  ].join('');
}
