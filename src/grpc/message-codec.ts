// Writes and reads the messages of .proto files. This file loads protobufjs, so it is loaded at first use.
import type { Type } from 'protobufjs';
import { hasInheritedNames, withoutInherited } from './inherited-names.js';
import { checkMessage } from './message-check.js';
import { MessageReader } from './message-reader.js';
import type { MessageCodec } from './rpc-method.js';
import { WireReader } from './wire-reader.js';
import { WireWriter } from './wire-writer.js';

/** @returns the codecs of types that are defined together, which share what they need for messages within */
export function messageCodecs(): (type: Type) => MessageCodec {
  const readers = new Map<Type, MessageReader>();
  const readerOf = (type: Type): MessageReader => {
    const reader = readers.get(type) ?? new MessageReader(type, readerOf);
    readers.set(type, reader);
    return reader;
  };
  return (type) => codecOf(type, readerOf(type));
}

function codecOf(type: Type, messages: MessageReader): MessageCodec {
  const mayInherit = hasInheritedNames(type);
  return {
    type: type.fullName.slice(1),
    encode(message) {
      checkMessage(type, message);
      const own = mayInherit ? withoutInherited(message) : message;
      return type.encode(type.fromObject(own as object), new WireWriter()).finish();
    },
    decode: (bytes) => messages.read(new WireReader(bytes), null),
  };
}
