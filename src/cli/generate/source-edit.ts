// Careful edits of a module of a project, as text: an import, an item of a list, a member of a definition, a
// call. Each edit returns undefined where the text has another form than expected, and changes nothing then.

/**
 * The text with the content of comments, strings and templates blanked, so that offsets stay as they are.
 * Undefined when its brackets do not match, which also happens where a regular expression contains a quote.
 */
export function skeleton(text: string): string | undefined {
  const blank = (part: string): string => part.replaceAll(/[^\n]/g, ' ');
  const masked = text.replaceAll(
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/g,
    (part) => (part.startsWith('/') ? blank(part) : `${part[0]}${blank(part.slice(1, -1))}${part.at(-1)}`),
  );
  return isBalanced(masked) ? masked : undefined;
}

const CLOSING: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };

function isBalanced(masked: string): boolean {
  const open: string[] = [];
  for (const char of masked) {
    if (Object.values(CLOSING).includes(char)) open.push(char);
    else if (CLOSING[char] !== undefined && open.pop() !== CLOSING[char]) return false;
  }
  return open.length === 0;
}

/** The only match of a pattern in a text; undefined when there is none or more than one. */
function onlyMatch(masked: string, pattern: RegExp): RegExpExecArray | undefined {
  const [first, second] = masked.matchAll(new RegExp(pattern, 'g'));
  return second === undefined ? first : undefined;
}

const inserted = (text: string, at: number, part: string): string =>
  text.slice(0, at) + part + text.slice(at);

/** The white space at the beginning of the line of an offset. */
const indentAt = (text: string, at: number): string =>
  /^[ \t]*/.exec(text.slice(text.lastIndexOf('\n', at - 1) + 1))![0];

/** Adds an import statement behind the last one. */
export function withImport(text: string, statement: string): string | undefined {
  const masked = skeleton(text);
  if (masked === undefined) return undefined;
  const last = [...masked.matchAll(/^import\b[^;'"]*(?:'[^']*'|"[^"]*")[^\S\n]*;?/gm)].at(-1);
  if (last !== undefined) return inserted(text, last.index + last[0].length, `\n${statement}`);
  // Without an import, the statement stands behind the comments at the beginning.
  const start = /\S/.exec(masked)?.index ?? text.length;
  return inserted(text, start, `${statement}\n\n`);
}

/** Adds an item to the only list that the member `name` has: `services: [a, b]`. */
export function withListItem(text: string, name: string, item: string): string | undefined {
  const masked = skeleton(text);
  const list = masked && onlyMatch(masked, new RegExp(`\\b${name}\\s*:\\s*\\[([^\\[\\](){}]*)\\]`));
  if (!list) return undefined;
  const content = list[1]!;
  const start = list.index + list[0].length - 1 - content.length;
  const end = start + content.trimEnd().length;
  if (content.trim() === '' && text.slice(start, start + content.length).trim() === '') {
    return text.slice(0, start) + item + text.slice(start + content.length);
  }
  if (content.trim() === '') return undefined; // only a comment
  if (!content.includes('\n'))
    return inserted(text, end, `${content.trimEnd().endsWith(',') ? '' : ','} ${item}`);
  const indent = indentAt(text, end);
  const before = content.trimEnd().endsWith(',') ? '' : ',';
  return inserted(text, end, `${before}\n${indent}${item}${before === '' ? ',' : ''}`);
}

/** Adds a member behind `name: '…'` of the only `defineService({ … })`. */
export function withMember(text: string, member: string): string | undefined {
  const masked = skeleton(text);
  const found =
    masked && onlyMatch(masked, /\bdefineService\s*\(\s*\{(\s*)name\s*:\s*(['"`])[^'"`]*\2(?:\s*,)?/);
  if (!found) return undefined;
  const end = found.index + found[0].length;
  const separator = found[1]!.includes('\n') ? `\n${indentAt(text, end)}` : ' ';
  const comma = found[0].endsWith(',') ? '' : ',';
  return inserted(text, end, `${comma}${separator}${member},`);
}

/** Whether `defineService` has the member already. */
export const hasMember = (text: string, name: string): boolean =>
  new RegExp(`[{,\\s]${name}\\s*[:(,]`).test(skeleton(text) ?? text);

/**
 * Adds a statement at the beginning of the only function `routes(app, …) { … }`.
 * @param call makes the statement from the name of the first parameter
 */
export function withRouteCall(text: string, call: (app: string) => string): string | undefined {
  const masked = skeleton(text);
  const pattern =
    /\b(?:routes|function\s+routes)\s*(?:\(\s*(\w+)[^()]*\)[^{}()=]*\{|:\s*\(\s*(\w+)[^()]*\)[^{}()=]*=>\s*\{)/;
  const found = masked && onlyMatch(masked, pattern);
  if (!found) return undefined;
  const end = found.index + found[0].length;
  const app = found[1] ?? found[2]!;
  const isInline = /^[^\n]*\}/.test(masked.slice(end)) && !/^[^\S\n]*\n/.test(masked.slice(end));
  if (isInline) return inserted(text, end, ` ${call(app)}`);
  return inserted(text, end, `\n${indentAt(text, found.index)}  ${call(app)}`);
}

/** The name of the only `export const NAME = defineService(…)`. */
export const exportedService = (text: string): string | undefined =>
  onlyMatch(skeleton(text) ?? '', /\bexport\s+const\s+(\w+)\s*(?::[^=]*)?=\s*defineService\b/)?.[1];

/** The names of what a text defines by `defineService({ name: '…'` or `defineSaga({ name: '…'`. */
export const definedNames = (text: string, define: 'defineService' | 'defineSaga'): readonly string[] =>
  [
    ...text.matchAll(
      new RegExp(`\\b${define}\\b(?:<[^;]*?>)?\\s*\\(\\s*\\{\\s*name\\s*:\\s*(['"\`])([^'"\`]+)\\1`, 'g'),
    ),
  ].map(([, , name]) => name!);

/** Whether a text declares a route `GET path`, by that very path. */
export const declaresGet = (text: string, path: string): boolean =>
  [`'${path}'`, `"${path}"`, `\`${path}\``].some((literal) =>
    ['get', 'all'].some((method) => text.includes(`.${method}(${literal}`)),
  );
