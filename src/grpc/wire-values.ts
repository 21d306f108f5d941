// How single values are read: what they are in decoded messages, and their defaults.
import type { Enum, Field, Long } from 'protobufjs';
import type { WireReader } from './wire-reader.js';

/** How a value is sent: https://protobuf.dev/programming-guides/encoding/#structure */
export const WIRE = { varint: 0, bytes8: 1, delimited: 2, group: 3, groupEnd: 4, bytes4: 5 } as const;

export interface ValueKind {
  readonly wire: number;
  readonly isMessage: boolean;
  /** Whether a list of them may be sent as one value. */
  readonly isPackable: boolean;
  /**
   * Whether an element of a list counts as a field, as texts (64-bit integers, too) and bytes do. Numbers are
   * small, and a message counts when it is made.
   */
  readonly countsInLists: boolean;
  /** @param earlier of a message, what has been read of it, or null */
  read(reader: WireReader, earlier: unknown): unknown;
  /** Makes the value of a map entry that was sent without one. */
  initial(reader: WireReader): unknown;
}

type Scalar = readonly [wire: number, read: (reader: WireReader) => unknown];

const { varint, bytes8, bytes4, delimited } = WIRE;

const SCALARS: Readonly<Record<string, Scalar>> = {
  double: [bytes8, (reader) => reader.double()],
  float: [bytes4, (reader) => reader.float()],
  int32: [varint, (reader) => reader.int32()],
  uint32: [varint, (reader) => reader.uint32()],
  sint32: [varint, (reader) => reader.sint32()],
  fixed32: [bytes4, (reader) => reader.fixed32()],
  sfixed32: [bytes4, (reader) => reader.sfixed32()],
  bool: [varint, (reader) => reader.bool()],
  int64: [varint, (reader) => textOf(reader.int64())],
  uint64: [varint, (reader) => textOf(reader.uint64())],
  sint64: [varint, (reader) => textOf(reader.sint64())],
  fixed64: [bytes8, (reader) => textOf(reader.fixed64())],
  sfixed64: [bytes8, (reader) => textOf(reader.sfixed64())],
  string: [delimited, (reader) => reader.string()],
  bytes: [delimited, (reader) => reader.bytes()],
};

/** Numbers are much faster than bigints, and exact up to 53 bits. */
function textOf({ low, high, unsigned }: Long): string {
  const [upper, lower] = [unsigned ? high >>> 0 : high, low >>> 0];
  const number = upper * 2 ** 32 + lower;
  return String(Number.isSafeInteger(number) ? number : BigInt(upper) * 2n ** 32n + BigInt(lower));
}

const isLong = (type: string): boolean => type.endsWith('64');

export function scalarKind(field: Field): ValueKind {
  const { type } = field;
  const [wire, read] = SCALARS[type]!;
  const isPackable = wire !== delimited;
  const countsInLists = !isPackable || isLong(type);
  return { wire, isMessage: false, isPackable, countsInLists, read, initial: () => defaultOf(field) };
}

/** A number that the definition does not have stays a number. */
export function enumKind(field: Field, { valuesById }: Enum): ValueKind {
  const read = (reader: WireReader): unknown => {
    const id = reader.int32();
    return valuesById[id] ?? id;
  };
  const initial = (): unknown => defaultOf(field);
  return { wire: varint, isMessage: false, isPackable: true, countsInLists: false, read, initial };
}

/** The value of a field that was not sent; null for messages. */
export function defaultOf({ type, resolvedType, typeDefault }: Field): unknown {
  if (resolvedType !== null)
    return 'valuesById' in resolvedType ? resolvedType.valuesById[typeDefault] : null;
  if (type === 'bytes') return Buffer.from(typeDefault as Uint8Array);
  return isLong(type) ? String(typeDefault) : typeDefault;
}

interface KeyKind {
  readonly wire: number;
  /** What an entry without a key has. */
  readonly initial: string;
  read(reader: WireReader): string;
}

/** Keys of maps are texts in decoded messages. */
export function keyKind(type: string): KeyKind {
  const [wire, read] = SCALARS[type]!;
  const initial = type === 'string' ? '' : type === 'bool' ? 'false' : '0';
  return { wire, initial, read: (reader) => String(read(reader)) };
}
