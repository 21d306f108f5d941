// Mutations of requests: each maps bytes to other bytes, and depends only on the random numbers that it is
// given. The values that they insert are in values.ts.
import {
  BODIES,
  CHUNKS,
  COOKIES,
  ENDS,
  FIELDS,
  FRAMES,
  JSONS,
  LITERALS,
  METHODS,
  NUMBERS,
  PERCENT,
  RANGES,
  VALUES,
} from './values.js';

export interface Chance {
  /** A random integer from 0 up to, not including, `below`. */
  readonly int: (below: number) => number;
  readonly of: <T>(list: readonly T[]) => T;
}

export type Mutation = (bytes: string, chance: Chance) => string;

const splice = (bytes: string, at: number, removed: number, put: string): string =>
  bytes.slice(0, at) + put + bytes.slice(at + removed);

/** The lines of the head, and the rest. */
function inHead(bytes: string, change: (lines: string[]) => void): string {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return bytes;
  const lines = bytes.slice(0, end).split('\r\n');
  change(lines);
  return lines.join('\r\n') + bytes.slice(end);
}

const put = (bytes: string, { int }: Chance, text: string): string =>
  splice(bytes, int(bytes.length + 1), 0, text);

/** Replaces the body; its framing is right in three of four cases, otherwise its length is wrong. */
function withBody(bytes: string, { int }: Chance, body: string): string {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return bytes + body;
  const head = bytes.slice(0, end);
  const length = `Content-Length: ${body.length}`;
  if (int(4) === 0) return `${head}\r\n\r\n${body}`;
  const framed = /Content-Length: \d+/.test(head)
    ? head.replace(/Content-Length: \d+/, length)
    : `${head}\r\n${length}`;
  return `${framed}\r\n\r\n${body}`;
}

const withField = (bytes: string, { int }: Chance, field: string): string =>
  inHead(bytes, (lines) => void lines.splice(1 + int(lines.length), 0, field));

/** Replaces one match of the pattern; the first group of the pattern is kept. */
function instead(bytes: string, chance: Chance, pattern: RegExp, values: readonly string[]): string {
  const found = [...bytes.matchAll(pattern)];
  if (found.length === 0) return bytes;
  const { index, 0: whole, 1: kept = '' } = chance.of(found);
  return splice(bytes, index, whole.length, kept + chance.of(values));
}

const bodyOf = (bytes: string): string => bytes.slice(bytes.indexOf('\r\n\r\n') + 4);

/**
 * Mutations that leave a readable head: they reach the checks of the server, not only the parser of the core.
 */
const READABLE: Readonly<Record<string, Mutation>> = {
  'another value in the target': (bytes, chance) => {
    const end = bytes.indexOf(' HTTP');
    return instead(bytes.slice(0, end), chance, /([/=&?])[^/=&? ]*/g, VALUES) + bytes.slice(end);
  },
  'another value of a field': (bytes, chance) =>
    inHead(bytes, (lines) => {
      const at = 1 + chance.int(lines.length - 1);
      lines[at] = (lines[at] ?? '').replace(/:.*$/, () => `: ${chance.of(VALUES)}`);
    }),
  'another value of JSON': (bytes, chance) =>
    withBody(bytes, chance, instead(bodyOf(bytes), chance, /([:[,])[^,:[\]{}]+/g, LITERALS)),
  'another value of a form': (bytes, chance) =>
    withBody(bytes, chance, instead(bodyOf(bytes), chance, /([=&;])[^=&;]*/g, VALUES)),
  'a frame': (bytes, { of }) => (bytes.includes('Upgrade: websocket') ? bytes + of(FRAMES) : bytes),
  'a field twice': (bytes, { int }) =>
    inHead(bytes, (lines) => void lines.splice(1 + int(lines.length), 0, lines[int(lines.length)]!)),
  'a field left out': (bytes, { int }) =>
    inHead(bytes, (lines) => void lines.splice(1 + int(lines.length), 1)),
  'a field more': (bytes, chance) => withField(bytes, chance, chance.of(FIELDS)),
  'many fields': (bytes, chance) =>
    withField(
      bytes,
      chance,
      Array.from({ length: 1 + chance.int(150) }, (_, n) => `X-${n}: ${n}`).join('\r\n'),
    ),
  'bad percent-encoding': (bytes, chance) => {
    const target = bytes.indexOf(' ') + 2;
    return splice(
      bytes,
      target + chance.int(Math.max(1, bytes.indexOf(' HTTP') - target)),
      0,
      chance.of(PERCENT),
    );
  },
  'a long target': (bytes, { int }) => bytes.replace(' HTTP', `?${'q=1&'.repeat(int(3000))} HTTP`),
  'another method': (bytes, { of }) => bytes.replace(/^\S* /, `${of(METHODS)} `),
  'a chunk': (bytes, chance) =>
    withBody(
      withField(bytes, chance, 'Transfer-Encoding: chunked'),
      { ...chance, int: () => 0 },
      chance.of(CHUNKS),
    ),
  'a range': (bytes, chance) => withField(bytes, chance, `Range: ${chance.of(RANGES)}`),
  'junk cookies': (bytes, chance) => withField(bytes, chance, `Cookie: ${chance.of(COOKIES)}`),
  'bad JSON': (bytes, chance) => withBody(bytes, chance, chance.of(JSONS)),
  'a bad form': (bytes, chance) => withBody(bytes, chance, chance.of(BODIES)),
  'a body of noise': (bytes, chance) =>
    withBody(
      bytes,
      chance,
      Array.from({ length: chance.int(3000) }, () => String.fromCharCode(chance.int(256))).join(''),
    ),
  'the same behind it': (bytes) => bytes + bytes,
};

/** Mutations anywhere in the request: mostly the core refuses the result. */
const WILD: Readonly<Record<string, Mutation>> = {
  'a bit flipped': (bytes, { int }) => {
    const at = int(bytes.length);
    return splice(bytes, at, 1, String.fromCharCode((bytes.charCodeAt(at) ^ (1 << int(8))) & 255));
  },
  'any byte': (bytes, chance) => put(bytes, chance, String.fromCharCode(chance.int(256))),
  'cut short': (bytes, { int }) => bytes.slice(0, int(bytes.length)),
  'a piece left out': (bytes, { int }) => splice(bytes, int(bytes.length), 1 + int(30), ''),
  'a piece repeated': (bytes, { int }) => {
    const at = int(bytes.length);
    return splice(bytes, at, 0, bytes.slice(at, at + 1 + int(60)).repeat(1 + int(5)));
  },
  'a line end': (bytes, chance) => put(bytes, chance, chance.of(ENDS)),
  'other line ends': (bytes, { of }) => bytes.replaceAll('\r\n', of(['\n', '\r', '\r\n\r\n', '\n\r'])),
  'a number': (bytes, chance) => {
    const found = [...bytes.matchAll(/\d+/g)];
    if (found.length === 0) return bytes;
    const number = chance.of(found);
    return splice(bytes, number.index, number[0].length, chance.of(NUMBERS));
  },
  'another version': (bytes, { of }) =>
    bytes.replace('HTTP/1.1', of(['HTTP/1.0', 'HTTP/2.0', 'HTTP/1.', 'http/1.1', ''])),
  'an odd target': (bytes, { of }) =>
    bytes.replace(/ \S+ /, ` ${of(['*', 'http://x/who', '//', '/..', 'x:80', '/\xff', '/#', '?'])} `),
  'a chunk among others': (bytes, chance) => put(bytes, chance, chance.of(CHUNKS)),
};

/** Applies a mutation to the body alone, whose length was announced before. */
const inBody =
  (mutation: Mutation): Mutation =>
  (bytes, chance) => {
    const end = bytes.indexOf('\r\n\r\n') + 4;
    return end < 4 || end === bytes.length ? bytes : bytes.slice(0, end) + mutation(bytes.slice(end), chance);
  };

/**
 * The mutations of requests whose head the core can read, so that most of their handling is that of the
 * server.
 */
export const GENTLE: Readonly<Record<string, Mutation>> = {
  ...READABLE,
  'a bit flipped': inBody(WILD['a bit flipped']!),
  'a piece repeated': inBody(WILD['a piece repeated']!),
  'a piece left out': inBody(WILD['a piece left out']!),
};

export const MUTATIONS: Readonly<Record<string, Mutation>> = { ...READABLE, ...WILD };
