// Writes messages: the writer of protobufjs, but with keys that are false.
import protobuf from 'protobufjs';

export class WireWriter extends protobuf.BufferWriter {
  /** The library hands over keys of maps as texts, and would write each text as true. */
  override bool(value: boolean | 'false'): this {
    return super.bool(value !== 'false' && value) as this;
  }
}
