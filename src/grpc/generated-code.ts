// Functions of which the code is generated for a type or a field, as protobufjs does for its messages. They
// know the names of members, which makes them up to ten times as fast as code that gets names as values.
import protobuf, { type Field } from 'protobufjs';
import { defaultOf } from './wire-values.js';

export type Members = Record<string, unknown>;

/** A function that has the statement as its code. */
function generated(params: readonly string[], statement: string): unknown {
  const code = protobuf.util.codegen([...params]);
  code('%s', statement);
  return code({});
}

/** Sets one member of a message. */
export const setterOf = (name: string) =>
  generated(['message', 'value'], `message[${JSON.stringify(name)}] = value`) as (
    message: Members,
    value: unknown,
  ) => void;

/** Makes a message of which no field was sent. */
export function makerOf(fields: readonly Field[]): () => Members {
  const present = fields.filter(({ partOf, required }) => partOf === null && !required);
  const members = present.map((field) => `${JSON.stringify(field.name)}: ${defaultCode(field)}`);
  return generated([], `return { ${members.join(', ')} }`) as () => Members;
}

function defaultCode(field: Field): string {
  if (field.map) return '{}';
  if (field.repeated) return '[]';
  const value = defaultOf(field);
  if (Buffer.isBuffer(value)) return `Buffer.from(${JSON.stringify([...value])})`;
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
