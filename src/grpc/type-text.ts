// The types of messages and methods as the text of a .d.ts file. A message that is received has every field,
// in the form that message-reader.ts describes; one that is sent may omit fields, and its numbers may be
// written in several ways (message-check.ts).
import type { Enum, Field, Method, Service, Type } from 'protobufjs';
import { oneofsOf } from './oneofs.js';
import { type Definition, definitionsUsed, typeNames } from './type-names.js';

type Side = 'received' | 'sent';
type Names = ReadonlyMap<Definition, string>;

const LONG: ReadonlySet<string> = new Set(['int64', 'sint64', 'sfixed64', 'uint64', 'fixed64']);
/** The types of scalars that are no numbers. */
const SCALARS: Readonly<Record<string, Readonly<Record<Side, string>>>> = {
  bool: { received: 'boolean', sent: 'boolean' },
  string: { received: 'string', sent: 'string' },
  bytes: { received: 'Buffer', sent: 'Uint8Array' },
};

/** @param name the name of the service of Multilane @param services those of its .proto files */
export function typeText(name: string, services: readonly Service[]): string {
  const sorted = services.toSorted((a, b) => (a.fullName < b.fullName ? -1 : 1));
  const methods = sorted.flatMap(({ methodsArray }) => methodsArray);
  const messages = methods.flatMap((one) => [one.resolvedRequestType!, one.resolvedResponseType!]);
  const definitions = definitionsUsed(messages);
  const names = typeNames(definitions);
  const keys = serviceKeys(sorted);
  const handlers = [...new Set(methods.map(handlerOf))].sort();
  return [
    `// Types of the messages and methods of ${name}. Written by \`multilane grpc types\`: do not change it.`,
    `import type { ${handlers.join(', ')}, RpcOptions } from 'multilane';`,
    '',
    ...definitions.flatMap((one) =>
      'fieldsArray' in one ? messageLines(one, names) : enumLines(one, names),
    ),
    `/** The methods, by the names that \`call('${name}').grpc\` takes. */`,
    'export interface Methods {',
    ...methods.flatMap((method) => methodLines(method, names)),
    '}',
    '',
    '/** What `grpc.handlers` of the service returns. */',
    'export type Handlers = {',
    ...sorted.flatMap((service) => handlerLines(service, keys.get(service)!, names)),
    '};',
    '',
  ].join('\n');
}

function enumLines(definition: Enum, names: Names): readonly string[] {
  const values = Object.keys(definition.values).map((value) => `'${value}'`);
  return [
    `/** \`${definition.fullName.slice(1)}\`. A number is a value that this definition does not have. */`,
    `export type ${names.get(definition)} = ${values.join(' | ')} | number;`,
    '',
  ];
}

function messageLines(message: Type, names: Names): readonly string[] {
  const name = names.get(message)!;
  const full = message.fullName.slice(1);
  return [
    `/** \`${full}\`, as it is received. */`,
    `export interface ${name} {`,
    ...message.fieldsArray.map((field) => `  ${receivedField(field, names)};`),
    ...oneofLines(message),
    '}',
    '',
    `/** \`${full}\`, as it may be sent. */`,
    `export interface ${name}Input {`,
    ...message.fieldsArray.map((field) => `  ${sentField(field, names)};`),
    ...oneofLines(message).map((line) => `  readonly ${line.trim().replace(/;$/, ' | undefined;')}`),
    '}',
    '',
  ];
}

/** The name of a oneof says which of its members is set. */
const oneofLines = (message: Type): readonly string[] =>
  oneofsOf(message).map((oneof) => {
    const members = oneof.fieldsArray.map(({ name }) => `'${name}'`);
    return `  ${oneof.name}?: ${members.join(' | ')};`;
  });

function receivedField(field: Field, names: Names): string {
  const type = typeOf(field, 'received', names);
  if (field.partOf !== null) return `${keyText(field.name)}?: ${type}`;
  const isMessage = field.resolvedType !== null && 'fieldsArray' in field.resolvedType;
  return `${keyText(field.name)}: ${type}${isMessage && !field.repeated && !field.map ? ' | null' : ''}`;
}

/** Without the type of an inherited member, such as `constructor`, no plain object would be assignable. */
function sentField(field: Field, names: Names): string {
  const inherited = field.name in Object.prototype ? ` | Object['${field.name}']` : '';
  return `readonly ${keyText(field.name)}?: ${typeOf(field, 'sent', names)} | null | undefined${inherited}`;
}

function typeOf(field: Field, side: Side, names: Names): string {
  const type = valueType(field, side, names);
  const readonly = side === 'sent' ? 'readonly ' : '';
  if (field.map) return `{ ${readonly}[key: string]: ${type} }`;
  if (!field.repeated) return type;
  return `${readonly}${/\|/.test(type) ? `(${type})` : type}[]`;
}

function valueType({ type, resolvedType }: Field, side: Side, names: Names): string {
  if (resolvedType !== null) {
    const isInput = side === 'sent' && 'fieldsArray' in resolvedType;
    return `${names.get(resolvedType)}${isInput ? 'Input' : ''}`;
  }
  if (LONG.has(type)) return side === 'received' ? 'string' : 'number | bigint | string';
  return SCALARS[type]?.[side] ?? 'number';
}

function methodLines(method: Method, names: Names): readonly string[] {
  const service = method.parent!.fullName.slice(1);
  return [
    `  '${service}/${method.name}': {`,
    `    request: ${names.get(method.resolvedRequestType!)}Input;`,
    `    response: ${names.get(method.resolvedResponseType!)};`,
    '  };',
  ];
}

function handlerLines({ methodsArray }: Service, key: string, names: Names): readonly string[] {
  const lines = methodsArray.map((method) => {
    const request = names.get(method.resolvedRequestType!)!;
    const response = `${names.get(method.resolvedResponseType!)}Input`;
    const handler = `${handlerOf(method)}<${request}, ${response}>`;
    return `    ${method.name}: ${handler} | (RpcOptions & { readonly handler: ${handler} });`;
  });
  return [`  ${keyText(key)}: {`, ...lines, '  };'];
}

/** Handlers are declared by the short name of their service, unless another one has it too. */
function serviceKeys(services: readonly Service[]): ReadonlyMap<Service, string> {
  const isUnique = (name: string) => services.filter((one) => one.name === name).length === 1;
  return new Map(services.map((one) => [one, isUnique(one.name) ? one.name : one.fullName.slice(1)]));
}

/** A field that extends a message has its full name, which has dots. */
const keyText = (name: string): string => (/^[A-Za-z_]\w*$/.test(name) ? name : `'${name}'`);

function handlerOf({ requestStream, responseStream }: Method): string {
  if (requestStream) return responseStream ? 'BidiHandler' : 'ClientStreamHandler';
  return responseStream ? 'ServerStreamHandler' : 'UnaryHandler';
}
