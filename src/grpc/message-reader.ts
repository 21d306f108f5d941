// Reads messages of one type as plain objects, close to the JSON form of proto3: camelCase names, 64-bit
// integers as decimal texts (a number would lose digits), enum values by name, bytes as Buffer. A field that
// was not sent has its default value, except message fields (null), and `optional` fields of proto3 and
// members of a oneof (absent). The name of a oneof is a member that says which of its members is set.
//
// The decoder of protobufjs is not used: it makes all fields of a message from two bytes without a bound, and
// deviates from the specification in what is sent twice and in map entries without a key or a value.
import type { Field, Type } from 'protobufjs';
import { fieldReaders, type ReadField, tagOf } from './field-readers.js';
import { type Members, makerOf } from './generated-code.js';
import type { WireReader } from './wire-reader.js';
import { enumKind, scalarKind, type ValueKind, WIRE } from './wire-values.js';

type ReaderOf = (type: Type) => MessageReader;

/** What is known of a type; it is made when the first message of the type is read. */
interface Plan {
  /** By tag. What is sent in another way than its field demands is skipped, as an unknown field is. */
  readonly fields: ReadonlyMap<number, ReadField>;
  /** Makes a message of which no field was sent. */
  readonly make: () => Members;
  readonly required: readonly string[];
  readonly size: number;
}

export class MessageReader {
  readonly #type: Type;
  readonly #readerOf: ReaderOf;
  #made: Plan | undefined;

  /** @param readerOf the readers of the messages within it */
  constructor(type: Type, readerOf: ReaderOf) {
    this.#type = type;
    this.#readerOf = readerOf;
  }

  get #plan(): Plan {
    this.#made ??= planOf(this.#type, this.#readerOf);
    return this.#made;
  }

  /** A message of which no field was sent. */
  create(reader: WireReader): Members {
    const { make, size } = this.#plan;
    reader.count(size);
    return make();
  }

  /**
   * Reads until `reader.len`, or the end of a group.
   * @param earlier the message to which the fields are added; null: a new one
   * @param end the tag that ends a group
   * @throws Error for bytes that are no message of the type, FieldLimitError
   */
  read(reader: WireReader, earlier: Members | null, end?: number): Members {
    const { fields, required } = this.#plan;
    const message = earlier ?? this.create(reader);
    reader.descend();
    let tag: number | undefined;
    while (reader.pos < reader.len) {
      tag = reader.uint32();
      if (tag === end) break;
      const read = fields.get(tag);
      if (read === undefined) reader.skipValue(tag);
      else read(reader, message);
    }
    if (end !== undefined && tag !== end) throw new RangeError('a group does not end');
    reader.ascend();
    for (const name of required)
      if (!Object.hasOwn(message, name)) throw new Error(`the required field ${name} is missing`);
    return message;
  }
}

function planOf(type: Type, readerOf: ReaderOf): Plan {
  const fields = new Map<number, ReadField>();
  for (const field of type.fieldsArray)
    for (const [tag, read] of fieldReaders(field, kindOf(field, readerOf))) fields.set(tag, read);
  const required = type.fieldsArray.filter((field) => field.required).map(({ name }) => name);
  // A message without fields is an object, too.
  const size = Math.max(type.fieldsArray.length, 1);
  return { fields, make: makerOf(type.fieldsArray), required, size };
}

function kindOf(field: Field, readerOf: ReaderOf): ValueKind {
  const { resolvedType } = field;
  if (resolvedType === null) return scalarKind(field);
  return 'valuesById' in resolvedType
    ? enumKind(field, resolvedType)
    : messageKind(field, readerOf(resolvedType));
}

function messageKind(field: Field, messages: MessageReader): ValueKind {
  const kind = { isMessage: true, isPackable: false, countsInLists: false };
  const initial = (reader: WireReader): Members => messages.create(reader);
  if (field.delimited) {
    const end = tagOf(field.id, WIRE.groupEnd);
    const readGroup: ValueKind['read'] = (reader, earlier) =>
      messages.read(reader, earlier as Members | null, end);
    return { ...kind, wire: WIRE.group, read: readGroup, initial };
  }
  const read: ValueKind['read'] = (reader, earlier) => {
    const outer = reader.enter();
    const message = messages.read(reader, earlier as Members | null);
    reader.leave(outer);
    return message;
  };
  return { ...kind, wire: WIRE.delimited, read, initial };
}
