// Reads what the package exports from the built declarations (dist/*.d.ts): names, signatures, doc comments. The
// compiler of the repository parses them.
import { fileURLToPath } from 'node:url';
import { getTextOfJSDocComment, SyntaxKind } from 'typescript/unstable/ast';
import { API, SymbolFlags } from 'typescript/unstable/sync';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OURS = `${ROOT}dist/`;
const PACKAGE = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//;

const INLINE_TAG = /\s@(?=(?:default|throws|returns|example)\b)/;
const KINDS = new Map([
  [SyntaxKind.FunctionDeclaration, 'function'],
  [SyntaxKind.ClassDeclaration, 'class'],
  [SyntaxKind.InterfaceDeclaration, 'interface'],
  [SyntaxKind.TypeAliasDeclaration, 'type'],
]);
/** A type that is longer than this, or that the compiler computes, is described by its comment alone. */
const LONGEST_TYPE = 400;

/** One line of code, without comments. */
const oneLine = (text) =>
  text
    .replaceAll(/\/\*\*[\s\S]*?\*\//g, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/; }/g, ' }')
    .replace(/[;,]$/, '')
    .trim();

function codeOf(text) {
  const lines = text
    .replace(/^\s*```ts\n/, '')
    .replace(/\n\s*```\s*$/, '')
    .replace(/^\n+/, '')
    .trimEnd()
    .split('\n');
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/));
  const least = Math.min(...indents);
  return lines.map((line) => line.slice(least)).join('\n');
}

/** The comment of a declaration: its meaning, and its tags in their order. */
function commentOf(node) {
  const comment = { text: '', params: [], throws: [], returns: '', byDefault: '', examples: [] };
  const add = (tag, text, name) => {
    if (tag === 'example') comment.examples.push(codeOf(text));
    else if (tag === 'throws') comment.throws.push(text);
    else if (tag === 'default') comment.byDefault = text;
    else if (tag === 'returns') comment.returns = text;
    else if (tag === 'param' || tag === 'typeParam') comment.params.push({ name, text });
    else throw new Error(`the tag @${tag} in ${node.getSourceFile().fileName} has no place in docs/api.md`);
  };
  const doc = node.jsDoc?.at(-1);
  if (doc === undefined) return comment;
  comment.text = flat(getTextOfJSDocComment(doc.comment) ?? '');
  for (const tag of doc.tags ?? []) {
    const kind = tag.tagName.text;
    const text = getTextOfJSDocComment(tag.comment) ?? '';
    if (kind === 'example') add(kind, text);
    else if (kind === 'param') addSplit(add, kind, text, tag.name.getText());
    else if (kind === 'typeParam') addSplit(add, kind, text.replace(/^\S+\s+/, ''), text.match(/^\S+/)[0]);
    else addSplit(add, kind, text);
  }
  return comment;
}

/** One line of text. The items of a list follow each other behind semicolons. */
const flat = (text) =>
  text
    .replaceAll(/(:?)\n\s*- /g, (_, colon) => (colon === ':' ? ': ' : '; '))
    .replaceAll(/\s+/g, ' ')
    .trim();

/** Adds a tag, and those that follow it on the same line. */
function addSplit(add, kind, text, name) {
  const [first, ...others] = ` ${text}`.split(INLINE_TAG);
  if (kind !== 'param' || others.length === 0) add(kind, flat(first), name);
  else
    add(
      kind,
      [flat(first), ...others.map((other) => flat(other.replace(/^default\b/, 'Default:')))].join(' ').trim(),
      name,
    );
  if (kind !== 'param')
    for (const other of others) add(other.match(/^\w+/)[0], flat(other.replace(/^\w+/, '')));
}

/** Members that are not part of the interface, and the names of error classes. */
const isHidden = (node) =>
  node.name?.getText().startsWith('#') === true ||
  (node.name?.getText() === 'name' && node.initializer !== undefined) ||
  (node.modifiers ?? []).some(
    ({ kind }) => kind === SyntaxKind.PrivateKeyword || kind === SyntaxKind.ProtectedKeyword,
  );

/** The members that are written in a type: those of an interface, or of the objects of a union or intersection. */
function membersIn(type) {
  if (type === undefined) return [];
  if (type.kind === SyntaxKind.TypeLiteral) return [...type.members];
  if (type.kind === SyntaxKind.ParenthesizedType) return membersIn(type.type);
  if (type.kind === SyntaxKind.UnionType || type.kind === SyntaxKind.IntersectionType)
    return [...type.types].flatMap(membersIn);
  return [];
}

const isComputed = ({ kind }) => kind === SyntaxKind.ConditionalType;

function memberOf(node) {
  const signature = oneLine(node.getText()).replace(/^(static )?(?:public |override |readonly )+/, '$1');
  return { name: node.name?.getText() ?? '', signature, comment: commentOf(node) };
}

/** What the page shows of a declaration, and the nodes in which types are named there. */
function shown(node, kind) {
  if (kind === 'function')
    return {
      signature: oneLine(node.getText()).replace(/^(?:export |declare |function )+/, ''),
      members: [],
      nodes: [node],
    };
  const head = `${kind} ${node.name.getText()}${parametersOf(node)}`;
  if (kind === 'type') {
    const members = membersIn(node.type).filter((member) => member.jsDoc !== undefined);
    const text = oneLine(node.type.getText());
    const isShown = text.length <= LONGEST_TYPE && !isComputed(node.type);
    return { signature: isShown ? `${head} = ${text}` : head, members, nodes: isShown ? [node] : members };
  }
  const heritage = [...(node.heritageClauses ?? [])]
    .map((clause) => ` ${oneLine(clause.getText())}`)
    .join('');
  const members = [...node.members].filter((member) => !isHidden(member));
  return { signature: head + heritage, members, nodes: [...(node.heritageClauses ?? []), ...members] };
}

const parametersOf = ({ typeParameters }) =>
  typeParameters === undefined
    ? ''
    : `<${[...typeParameters].map((one) => oneLine(one.getText()).replace(/^(?:in |out |const )+/, '')).join(', ')}>`;

function namesIn(node, found = []) {
  if (node.kind === SyntaxKind.Identifier) found.push(node);
  node.forEachChild((child) => void namesIn(child, found));
  return found;
}

/** Reads one entry file of the package. */
class Entry {
  #project;
  #checker;

  constructor(project) {
    this.#project = project;
    this.#checker = project.checker;
  }

  exports(file) {
    const module = this.#checker.getSymbolAtLocation(this.#project.program.getSourceFile(file));
    return this.#checker
      .getExportsOfModule(module)
      .map((symbol) => ({ name: symbol.name, symbol: this.#target(symbol) }));
  }

  #target(symbol) {
    return (symbol.flags & SymbolFlags.Alias) === 0 ? symbol : this.#checker.getAliasedSymbol(symbol);
  }

  /** One exported or mentioned declaration. Of a declaration of another package there is only its name. */
  declaration(name, symbol) {
    const [{ path }] = symbol.declarations;
    const from = PACKAGE.exec(path)?.[1];
    if (from !== undefined || !path.startsWith(OURS)) return { name, from: from ?? 'typescript' };
    const nodes = symbol.declarations.map((handle) => handle.resolve(this.#project));
    const declarations = nodes.map((node) => {
      const kind = KINDS.get(node.kind);
      if (kind === undefined) throw new Error(`${name} in ${path} is a ${SyntaxKind[node.kind]}`);
      return { kind, node, ...shown(node, kind), comment: commentOf(node) };
    });
    return {
      name,
      path: path.slice(OURS.length),
      kind: declarations[0].kind,
      signatures: declarations.map(({ signature }) => signature),
      comment: declarations[0].comment,
      members: declarations.flatMap(({ members }) => members.map(memberOf)),
      mentions: this.#mentions(declarations.flatMap(({ nodes: these }) => these)),
    };
  }

  /** The types that are named in nodes, without type parameters, by name. */
  #mentions(nodes) {
    const found = new Map();
    for (const node of nodes.flatMap((one) => namesIn(one))) {
      const symbol = this.#checker.getSymbolAtLocation(node);
      if (symbol === undefined || symbol.declarations.length === 0) continue;
      const target = this.#target(symbol);
      const isType =
        (target.flags & (SymbolFlags.Interface | SymbolFlags.TypeAlias | SymbolFlags.Class)) !== 0;
      if (isType && target.declarations.length > 0) found.set(node.getText(), target);
    }
    return found;
  }
}

/**
 * Everything that `multilane` and `multilane/testing` export, and the types of the package that their signatures name
 * without being exported.
 */
export function readDeclarations() {
  const api = new API({ cwd: ROOT });
  try {
    const files = ['index', 'testing'].map((name) => `${OURS}${name}.d.ts`);
    const snapshot = api.updateSnapshot({ openFiles: files });
    const exported = new Map();
    const unexported = new Map();
    const foreign = new Map();
    for (const [n, file] of files.entries()) {
      const entry = new Entry(snapshot.getDefaultProjectForFile(file));
      for (const { name, symbol } of entry.exports(file))
        exported.set(name, {
          ...entry.declaration(name, symbol),
          module: n === 0 ? 'multilane' : 'multilane/testing',
        });
      const waiting = [...exported.values()];
      for (const { mentions = new Map() } of waiting)
        for (const [name, symbol] of mentions) {
          if (exported.has(name) || unexported.has(name)) continue;
          const found = entry.declaration(name, symbol);
          if (found.from !== undefined) foreign.set(name, found.from);
          else {
            unexported.set(name, found);
            waiting.push(found);
          }
        }
    }
    return { exported, unexported, foreign };
  } finally {
    api.close();
  }
}
