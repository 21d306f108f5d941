// The names of messages and enums in a file of TypeScript. In .proto files they are nested in packages and
// messages; here they are flat, so that an import of one is short.
import type { Enum, Type } from 'protobufjs';
import { typesWithin } from './types-within.js';

export type Definition = Type | Enum;

/** Names that types cannot have in TypeScript. */
const RESERVED =
  'any as async await bigint boolean break case catch class const continue debugger default delete do else ' +
  'enum export extends false finally for function if implements import in infer instanceof interface keyof ' +
  'let never new null number object package private protected public readonly return static string super ' +
  'switch symbol this throw true try type typeof undefined unique unknown var void while with yield';

/** Names that the file uses with a meaning of their own. */
const USED =
  'Array Buffer Object ReadonlyArray Uint8Array Methods Handlers ' +
  'BidiHandler ClientStreamHandler ServerStreamHandler UnaryHandler RpcOptions';

/**
 * A nested name has underscores. The package stands before a name that would not be unique.
 * @param definitions in the order in which names are given
 * @returns for each definition the name of what is received; what is sent has `Input` behind it
 */
export function typeNames(definitions: readonly Definition[]): ReadonlyMap<Definition, string> {
  const taken = new Set(`${RESERVED} ${USED}`.split(' '));
  const names = new Map<Definition, string>();
  for (const definition of definitions) {
    const name = [shortName(definition), longName(definition)].find((one) => isFree(one, taken));
    const free = name ?? numbered(longName(definition), taken);
    taken.add(free).add(`${free}Input`);
    names.set(definition, free);
  }
  return names;
}

const isFree = (name: string, taken: ReadonlySet<string>): boolean =>
  !taken.has(name) && !taken.has(`${name}Input`);

function numbered(name: string, taken: ReadonlySet<string>): string {
  for (let number = 2; ; number++) if (isFree(`${name}${number}`, taken)) return `${name}${number}`;
}

const longName = ({ fullName }: Definition): string => fullName.slice(1).replaceAll('.', '_');

/** The name without its package. */
function shortName(definition: Definition): string {
  const parts = [definition.name];
  for (
    let parent = definition.parent;
    parent !== null && 'fields' in parent;
    parent = (parent as Type).parent
  )
    parts.unshift(parent.name);
  return parts.join('_');
}

/** The messages and enums that methods of these definitions use, sorted by full name. */
export const definitionsUsed = (messages: readonly Type[]): readonly Definition[] =>
  [...typesWithin(messages)].sort((a, b) => (a.fullName < b.fullName ? -1 : 1));
