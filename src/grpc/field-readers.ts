// How the values of a field get into a message that is read. What comes later counts: the last value of a
// field, the last member of a oneof, the last value of a key. Several parts of one message are merged.
import type { Field, MapField } from 'protobufjs';
import { type Members, setterOf } from './generated-code.js';
import type { WireReader } from './wire-reader.js';
import { keyKind, type ValueKind, WIRE } from './wire-values.js';

export type ReadField = (reader: WireReader, message: Members) => void;

/** What is before a value: the number of its field, and how it is sent. */
export const tagOf = (id: number, wire: number): number => ((id << 3) | wire) >>> 0;

/** By the tag of what is read. */
export function fieldReaders(field: Field, value: ValueKind): readonly (readonly [number, ReadField])[] {
  const { id, name, partOf } = field;
  const tag = tagOf(id, value.wire);
  if (field.map) return [[tagOf(id, WIRE.delimited), entryReader(field as unknown as MapField, value)]];
  if (field.repeated) {
    const readers: (readonly [number, ReadField])[] = [[tag, elementReader(name, value)]];
    // Numbers may be sent in both ways, whatever the definition says.
    if (value.isPackable) readers.push([tagOf(id, WIRE.delimited), packedReader(name, value)]);
    return readers;
  }
  const single = value.isMessage ? messageReader(name, value) : singleReader(name, value);
  const isMember = partOf !== null && !partOf.isProto3Optional;
  return [[tag, isMember ? memberReader(partOf.name, name, single) : single]];
}

function singleReader(name: string, value: ValueKind): ReadField {
  const set = setterOf(name);
  return (reader, message) => set(message, value.read(reader, null));
}

function messageReader(name: string, value: ValueKind): ReadField {
  const set = setterOf(name);
  return (reader, message) =>
    set(message, value.read(reader, Object.hasOwn(message, name) ? message[name] : null));
}

/** Removes the member of the oneof that was set before. */
function memberReader(oneof: string, name: string, read: ReadField): ReadField {
  const setName = setterOf(oneof);
  return (reader, message) => {
    const earlier = message[oneof];
    if (typeof earlier === 'string' && earlier !== name) delete message[earlier];
    setName(message, name);
    read(reader, message);
  };
}

const elementReader =
  (name: string, value: ValueKind): ReadField =>
  (reader, message) => {
    if (value.countsInLists) reader.count(1);
    (message[name] as unknown[]).push(value.read(reader, null));
  };

function packedReader(name: string, value: ValueKind): ReadField {
  const readOne = elementReader(name, value);
  return (reader, message) => {
    const outer = reader.enter();
    while (reader.pos < reader.len) readOne(reader, message);
    reader.leave(outer);
  };
}

/** An entry is sent as a message with the fields 1 and 2. One that was not sent is its default. */
function entryReader({ name, keyType }: MapField, value: ValueKind): ReadField {
  const key = keyKind(keyType);
  const [keyTag, valueTag] = [tagOf(1, key.wire), tagOf(2, value.wire)];
  return (reader, message) => {
    const outer = reader.enter();
    reader.count(1);
    let text = key.initial;
    let read: unknown = null;
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === keyTag) text = key.read(reader);
      else if (tag === valueTag) read = value.read(reader, read);
      else reader.skipValue(tag);
    }
    reader.leave(outer);
    setEntry(message[name] as Members, text, read ?? value.initial(reader));
  };
}

function setEntry(map: Members, key: string, value: unknown): void {
  if (key !== '__proto__') map[key] = value;
  else Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
}
