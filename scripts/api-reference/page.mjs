// The text of docs/api.md, from the declarations and their doc comments.
import { readDeclarations } from './declarations.mjs';
import { FOREIGN, SUBJECTS } from './subjects.mjs';

const INTRO = `# Public API

Everything that a project can import from \`multilane\` and, in tests, from \`multilane/testing\`. It is
written by \`npm run docs\` from the doc comments of the source, which are in the declarations of the package as well, so
editors show them. Settings are in [settings](settings.md), the
codes of errors in [errors](errors.md), commands in [the CLI](cli.md).

A member with \`?\` may be omitted. Options that do not exist are refused where they are passed.
`;
const UNEXPORTED = {
  title: 'Types that are not exported',
  about: 'Signatures above name them, but they cannot be imported.',
};

/** Inline code, whatever it contains. */
const code = (text) => (text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``);

/** Text of a comment: characters that Markdown would interpret are escaped outside of code, pages become links. */
const prose = (text) =>
  text
    .split(/(`[^`]*`)/)
    .map((part) =>
      part.startsWith('`')
        ? part
        : part.replaceAll(/[*<]/g, '\\$&').replaceAll(/\bdocs\/([\w-]+\.md)\b/g, '[$&]($1)'),
    )
    .join('');

const sentence = (text) => (text === '' || /[.:!?]$/.test(text) ? text : `${text}.`);
/** A default that is a value of the language stands as code. */
const value = (text) => (/^(?:'[^']*'|[\d_]+|true|false)$/.test(text) ? code(text) : prose(text));
const capital = (text) => (/^[a-z]+\b/.test(text) ? text[0].toUpperCase() + text.slice(1) : text);

/** Meaning, parameters, default, result and errors, as sentences. */
function wordsOf({ text, params, throws, returns, byDefault }) {
  const parts = [sentence(prose(text))];
  for (const param of params)
    if (param.text !== '') parts.push(sentence(`\`${param.name}\`: ${prose(param.text)}`));
  if (byDefault !== '') parts.push(sentence(`Default: ${value(byDefault)}`));
  if (returns !== '') parts.push(sentence(`Returns ${prose(returns)}`));
  if (throws.length > 0) parts.push(sentence(`Throws: ${prose(throws.join('; '))}`));
  return parts
    .filter((part) => part !== '')
    .map(capital)
    .join(' ');
}

const blockOf = (text, indent) =>
  ['```ts', ...text.split('\n'), '```'].map((line) => (line === '' ? '' : indent + line)).join('\n');

function memberText({ signature, comment }) {
  const words = wordsOf(comment);
  const short = comment.examples.filter((example) => !example.includes('\n'));
  const long = comment.examples.filter((example) => example.includes('\n'));
  const line = [words, ...short.map((example) => `Example: ${code(example)}`)]
    .filter((part) => part !== '')
    .join(' ');
  return [
    `- ${code(signature)}${line === '' ? '' : `: ${line}`}`,
    ...long.map((example) => blockOf(example, '  ')),
  ].join('\n');
}

/** The anchors of headings, as GitHub makes them. */
class Anchors {
  #counts = new Map();

  of(title) {
    const slug = title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(/\s/g, '-');
    const count = this.#counts.get(slug) ?? 0;
    this.#counts.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  }
}

/** @param anchorOf the anchors of the other sections' entries: those of its own section are near enough */
function entryText({ name, from, kind, signatures, comment, members, mentions }, anchorOf) {
  if (from !== undefined) return `### ${name}\n\n${FOREIGN[name]} (${code(from)})`;
  const linked = [...mentions.keys()].filter((other) => anchorOf.has(other));
  const isPlain = kind !== 'function' && signatures.length === 1 && signatures[0] === `${kind} ${name}`;
  return [
    `### ${name}`,
    isPlain ? '' : signatures.map(code).join('\\\n'),
    wordsOf(comment),
    ...comment.examples.map((example) => blockOf(example, '')),
    members.map(memberText).join('\n'),
    linked.length === 0
      ? ''
      : `See ${linked.map((other) => `[${other}](#${anchorOf.get(other)})`).join(', ')}.`,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

const isExplained = ({ kind, signatures: [signature], comment, members }) =>
  kind !== 'type' || comment.text !== '' || members.length > 0 || signature.includes(' = ');

/** @throws Error for an export that no subject lists or that has no meaning, and for a listed name that is not exported */
function checked({ exported }) {
  const listed = SUBJECTS.flatMap(({ names }) => names.split(/\s+/));
  const wrong = [
    ...[...exported.keys()]
      .filter((name) => !listed.includes(name))
      .map((name) => `${name} is in no section`),
    ...listed.filter((name) => !exported.has(name)).map((name) => `${name} is not exported`),
    ...listed.filter((name, n) => listed.indexOf(name) !== n).map((name) => `${name} is in two sections`),
    ...[...exported.values()]
      .filter(({ name, comment }) =>
        comment === undefined ? FOREIGN[name] === undefined : comment.text === '',
      )
      .map(({ name }) => `${name} has no doc comment that says what it is`),
  ];
  if (wrong.length > 0)
    throw new Error(`docs/api.md (sections: scripts/api-reference/subjects.mjs):\n  ${wrong.join('\n  ')}`);
}

/** The whole page. */
export function apiPage(declarations = readDeclarations()) {
  checked(declarations);
  const { exported, unexported, foreign } = declarations;
  const others = [...unexported.values()].filter(isExplained).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const lines = others.filter(({ members }) => members.length === 0);
  const sections = [
    ...SUBJECTS.map((subject) => ({
      ...subject,
      entries: subject.names.split(/\s+/).map((name) => exported.get(name)),
    })),
    { ...UNEXPORTED, pages: [], lines, entries: others.filter((one) => !lines.includes(one)) },
  ];
  const anchors = new Anchors();
  anchors.of('Public API');
  const anchorOf = new Map();
  for (const section of sections) {
    section.anchor = anchors.of(section.title);
    for (const { name } of section.entries) anchorOf.set(name, anchors.of(name));
  }
  const contents = sections.map(
    ({ title, anchor, entries }) =>
      `- [${title}](#${anchor}): ${entries.map(({ name }) => `[${name}](#${anchorOf.get(name)})`).join(', ')}`,
  );
  return `${[
    INTRO.trimEnd(),
    contents.join('\n'),
    ...sections.map((section) => sectionText(section, anchorOf)),
    `Types of other packages: ${foreignText(foreign)}.`,
  ].join('\n\n')}\n`;
}

function sectionText({ title, about, pages, entries, lines = [] }, anchorOf) {
  const own = new Set(entries.map(({ name }) => name));
  const elsewhere = new Map([...anchorOf].filter(([name]) => !own.has(name)));
  const more = pages.map((page) => `[${page}](${page}.md)`).join(', ');
  return [
    `## ${title}`,
    `${about}${more === '' ? '' : ` Explained in ${more}.`}`,
    lines.map(({ signatures: [signature], comment }) => memberText({ signature, comment })).join('\n'),
    ...entries.map((entry) => entryText(entry, elsewhere)),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** Where the types of other packages come from; those of the language and of Node.js need no explanation. */
const foreignText = (foreign) =>
  [...foreign]
    .filter(([, from]) => !from.startsWith('@typescript/') && !from.startsWith('typescript'))
    .map(([name, from]) => `${code(name)} (${code(from)})`)
    .toSorted()
    .join(', ');

/** The examples of all entries and members, with what they belong to. */
export function examplesOf({ exported, unexported }) {
  const all = [...exported.values(), ...unexported.values()].filter(({ from }) => from === undefined);
  return all.flatMap(({ name, module, comment, members }) => [
    ...comment.examples.map((text) => ({ owner: name, module, member: undefined, text })),
    ...members.flatMap((member) =>
      member.comment.examples.map((text) => ({ owner: name, module, member: member.name, text })),
    ),
  ]);
}
