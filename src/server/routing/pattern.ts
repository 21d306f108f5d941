// Parses route patterns such as `/api/users/:id`, `/orders/:id(\\d+)` and `/files/*`. They are parsed once,
// at start; an error names the pattern.
import { errorMessage } from '../../error-text.js';
import { isSafeExpression } from './safe-expression.js';

export type Segment =
  | { readonly kind: 'static'; readonly text: string }
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'regex'; readonly name: string; readonly source: string; readonly regex: RegExp }
  /** Matches the rest of the path, which may be empty. It is always the last segment. */
  | { readonly kind: 'wildcard' };

export interface Pattern {
  readonly segments: readonly Segment[];
  /** The names of the parameters in their order; the wildcard is named `*`. */
  readonly names: readonly string[];
  /** The pattern as a metric label and span name: `/api/users/{id}`. */
  readonly template: string;
}

/** The characters of a path segment, as they are sent (RFC 3986 section 3.3). */
const STATIC = /^(?:[A-Za-z0-9\-._~!$&'()+,;=:@]|%[0-9A-Fa-f]{2})*$/;
const PARAM = /^:([A-Za-z_][A-Za-z0-9_]*)(?:\((.+)\))?$/;

/** @throws TypeError that names the pattern and what is wrong with it */
export function parsePattern(pattern: string): Pattern {
  const bad = (reason: string): TypeError =>
    new TypeError(`bad route pattern ${JSON.stringify(pattern)}: ${reason}`);
  if (typeof pattern !== 'string' || !pattern.startsWith('/')) throw bad('it must start with "/"');

  const texts = pattern.slice(1).split('/');
  const segments = texts.map((text, i): Segment => {
    if (text === '*') {
      if (i < texts.length - 1) throw bad('"*" must be the last segment');
      return { kind: 'wildcard' };
    }
    if (!text.startsWith(':')) {
      if (!STATIC.test(text))
        throw bad(`segment "${text}" has a character that no path can have${hintFor(text)}`);
      return { kind: 'static', text };
    }
    const [, name, source] = PARAM.exec(text) ?? [];
    if (name === undefined) throw bad(`segment "${text}" is not ":name" or ":name(expression)" without "/"`);
    if (source === undefined) return { kind: 'param', name };
    return { kind: 'regex', name, source, regex: compile(source, bad) };
  });

  const names = segments.flatMap((segment) =>
    segment.kind === 'static' ? [] : [segment.kind === 'wildcard' ? '*' : segment.name],
  );
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw bad(`parameter "${twice}" appears twice`);
  return { segments, names, template: `/${segments.map(templateOf).join('/')}` };
}

function compile(source: string, bad: (reason: string) => TypeError): RegExp {
  const anchored = `^(?:${source})$`;
  let regex: RegExp;
  try {
    regex = new RegExp(anchored, 'u');
  } catch (error) {
    throw bad(errorMessage(error));
  }
  if (!isSafeExpression(anchored)) {
    throw bad(`the expression "${source}" can take very long on some texts (catastrophic backtracking)`);
  }
  return regex;
}

/** Other frameworks, and our own templates in logs and metrics, write parameters in braces. */
function hintFor(text: string): string {
  const [, name] = /^[{[<](\w+)[}\]>]$/.exec(text) ?? [];
  return name === undefined ? '' : `; a parameter is written ":${name}"`;
}

function templateOf(segment: Segment): string {
  if (segment.kind === 'static') return segment.text;
  return segment.kind === 'wildcard' ? '*' : `{${segment.name}}`;
}
