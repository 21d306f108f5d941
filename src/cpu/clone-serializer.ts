// Structured clone as bytes. Node.js writes the bytes of each view by themselves, and reads a view as a part
// of the message, or of the buffer that small Buffers share: its `buffer` then holds foreign bytes. So these
// classes write the buffer of a view, once for all its views, and the part that the view shows, as
// `structuredClone` does. A Buffer is written by itself all the same, because it may share its buffer with
// those of other requests; and so is a view of shared memory, which arrives as a copy.
import { types } from 'node:util';
import { DefaultDeserializer, DefaultSerializer } from 'node:v8';

type ViewClass = new (buffer: ArrayBuffer, byteOffset: number, length: number) => ArrayBufferView;

/** The classes of views in the order of their numbers in the clone. */
const VIEWS: readonly ViewClass[] = [
  DataView,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  // Node.js 24 has it.
  ...[(globalThis as { Float16Array?: ViewClass }).Float16Array].filter((View) => View !== undefined),
];
const NUMBERS: ReadonlyMap<unknown, number> = new Map(VIEWS.map(({ name }, number) => [name, number]));

/** The number of `Buffer`, which is a Uint8Array with more methods. */
const BUFFER = VIEWS.length;

/** A view is followed by its buffer, or by its own bytes. */
const OF_BUFFER = 0;
const BY_ITSELF = 1;

/** The member by which `node:v8` writes views; its types omit it. */
interface ViewWriter extends DefaultSerializer {
  _writeHostObject(view: ArrayBufferView): void;
}

/** The member by which `node:v8` reads views. */
interface ViewReader extends DefaultDeserializer {
  _readHostObject(): ArrayBufferView;
}

const Serializer = DefaultSerializer as unknown as new () => ViewWriter;
const Deserializer = DefaultDeserializer as unknown as new (data: Uint8Array) => ViewReader;

const TypedArrayPrototype: object = Object.getPrototypeOf(Uint8Array.prototype);
/** The name of the class of a typed array, of any realm and whatever it has been made to look like. */
const nameOf = (view: ArrayBufferView): unknown => Reflect.get(TypedArrayPrototype, Symbol.toStringTag, view);

function numberOf(view: ArrayBufferView): number | undefined {
  if (Buffer.isBuffer(view)) return BUFFER;
  return NUMBERS.get(types.isDataView(view) ? DataView.name : nameOf(view));
}

export class CloneSerializer extends Serializer {
  readonly #moved: ReadonlySet<unknown>;

  /** @param moved buffers that are sent beside the bytes */
  constructor(moved: readonly ArrayBuffer[]) {
    super();
    this.#moved = new Set(moved);
    for (const [id, buffer] of moved.entries()) this.transferArrayBuffer(id, buffer);
  }

  /** `node:v8` calls it for every view, and for objects that cannot be cloned. */
  override _writeHostObject(view: ArrayBufferView): void {
    const number = ArrayBuffer.isView(view) ? numberOf(view) : undefined;
    if (number === undefined) {
      // It throws an error that shows the object.
      super._writeHostObject(view);
      return;
    }
    const { buffer, byteOffset, byteLength } = view;
    const isByItself = types.isSharedArrayBuffer(buffer) || (number === BUFFER && !this.#moved.has(buffer));
    this.writeUint32(number);
    this.writeUint32(isByItself ? BY_ITSELF : OF_BUFFER);
    this.writeUint64(...halves(byteLength));
    if (isByItself) {
      this.writeRawBytes(new Uint8Array(buffer, byteOffset, byteLength));
    } else {
      this.writeUint64(...halves(byteOffset));
      // A buffer that was written before is only referred to.
      this.writeValue(buffer);
    }
  }
}

export class CloneDeserializer extends Deserializer {
  constructor(data: Uint8Array, moved: readonly ArrayBuffer[]) {
    super(data);
    for (const [id, buffer] of moved.entries()) this.transferArrayBuffer(id, buffer);
  }

  /** `node:v8` calls it for every view. */
  override _readHostObject(): ArrayBufferView {
    const number = this.readUint32();
    const isByItself = this.readUint32() === BY_ITSELF;
    const byteLength = whole(this.readUint64());
    if (isByItself) {
      // What is read is a part of the message.
      const { buffer } = new Uint8Array(this.readRawBytes(byteLength));
      return viewOf(number, buffer, 0, byteLength);
    }
    const byteOffset = whole(this.readUint64());
    return viewOf(number, this.readValue() as ArrayBuffer, byteOffset, byteLength);
  }
}

function viewOf(
  number: number,
  buffer: ArrayBuffer,
  byteOffset: number,
  byteLength: number,
): ArrayBufferView {
  if (number === BUFFER) return Buffer.from(buffer, byteOffset, byteLength);
  const View = VIEWS[number]!;
  const { BYTES_PER_ELEMENT: size = 1 } = View as { readonly BYTES_PER_ELEMENT?: number };
  return new View(buffer, byteOffset, byteLength / size);
}

const halves = (value: number): [number, number] => [Math.floor(value / 2 ** 32), value >>> 0];

const whole = ([high, low]: readonly number[]): number => high! * 2 ** 32 + low!;
