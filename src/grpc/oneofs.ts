import type { OneOf, Type } from 'protobufjs';

/** The oneofs that the definition of a message has. The parser makes one more for each `optional` field. */
export const oneofsOf = ({ oneofsArray }: Type): readonly OneOf[] =>
  oneofsArray.filter((oneof) => !oneof.isProto3Optional);
